"""Reading of a JSON array, or of objects that span several lines, one value at a time."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from local.event_files.json_structure import Structure
from local.event_files.rows import MAX_BYTES, OVERSIZED, Row

# The characters between two values. Brackets are skipped like white space: the elements of an array are rows.
BETWEEN_VALUES = re.compile(r"[ \t\r\n,\[\]\x00]*")
SCALAR = re.compile(r"[^,\]\r\n{]+|[\s\S]")
FIRST_KEY = re.compile(r'\{[ \t\r\n]*("(?:[^"\\\r\n]|\\.)*")[ \t\r\n]*:')
KNOWN_FIRST_KEYS = frozenset({'"click_id"', '"checkout_id"', '"refund_id"'})
MAX_FIRST_KEYS = 32
# Characters of a text that may be the beginning of an object's first key, when the rest is not in memory yet.
FIRST_KEY_CHARACTERS = 300

_decode = json.JSONDecoder().raw_decode


def spans_lines(text: str) -> bool:
    """Returns whether the text begins with an object that spans several lines."""
    try:
        _, end = _decode(text)
    except (ValueError, RecursionError):
        return False
    return bool(re.search(r"[\r\n]", text[:end]))


def read_json_values(chunks: Iterable[bytes], line_break: bytes) -> Iterator[Row]:
    """Yields the elements of an array, or the objects of a file without an array, as rows.

    A value that is not valid JSON ends where its braces say, and costs only itself. If a quotation mark or a brace is
    missing, the next row is the next object that begins with a known field or with the same field as an earlier one.
    """
    window = _Window(iter(chunks), line_break.decode())
    values = _Values(window)
    line, place = 0, 0
    while window.skip_between_values():
        place = place + 1 if window.line == line else 0
        line = window.line
        data = values.take_next()
        is_oversized = data is None or len(data) > MAX_BYTES
        yield Row(line, place, None if is_oversized else data, OVERSIZED if is_oversized else None, window.offset)


@dataclass
class _Window:
    """The part of a file that is in memory, as Latin-1: every character is a byte, and JSON's structure is ASCII.

    `line`, `offset`: place of the position in the file.
    """

    chunks: Iterator[bytes]
    line_break: str
    text: str = ""
    position: int = 0
    line: int = 1
    offset: int = 0

    @property
    def pending(self) -> int:
        return len(self.text) - self.position

    def fill(self) -> bool:
        """Appends the next chunk, and drops the text before the position. Returns False at the end of the file."""
        chunk = next(self.chunks, None)
        if chunk is None:
            return False
        self.text = self.text[self.position :] + chunk.decode("latin-1")
        self.position = 0
        return True

    def grow(self) -> bool:
        """Fills the window if it holds less than the longest value. Returns whether there is more text."""
        return self.pending <= MAX_BYTES and self.fill()

    def take(self, end: int) -> bytes:
        """Moves the position to `end`, and returns the bytes up to there."""
        taken = self.text[self.position : end]
        self.line += taken.count(self.line_break)
        self.offset += len(taken)
        self.position = end
        return taken.encode("latin-1")

    def skip_between_values(self) -> bool:
        """Moves the position to the next value. Returns False at the end of the file."""
        while True:
            if match := BETWEEN_VALUES.match(self.text, self.position):
                self.take(match.end())
            if self.pending:
                return True
            if not self.fill():
                return False


@dataclass
class _Values:
    """Takes values from the window. `first_keys`: first fields of objects, as JSON.

    `had_missing_ends`: a brace or a quotation mark was missing in an earlier value.
    """

    window: _Window
    first_keys: set[str] = field(default_factory=lambda: set(KNOWN_FIRST_KEYS))
    had_missing_ends: bool = False

    def take_next(self) -> bytes | None:
        """Takes the value at the position. Returns None if the value is too long to be held in memory."""
        window = self.window
        is_object = window.text[window.position] == "{"
        while True:
            try:
                _, end = _decode(window.text, window.position)
            except (ValueError, RecursionError):
                end = None
            if is_object:
                if end is not None:
                    self._remember_first_key()
                    return window.take(end)
                structure = Structure()
                # After a missing end, each value with an error is taken to end before the next object at the latest.
                limit = self._next_object() if self.had_missing_ends else None
                end = structure.scan(window.text, window.position, limit)
                if structure.is_balanced:
                    return window.take(end)
                if structure.is_broken or limit is not None or not window.grow():
                    return self._take_without_end()
            else:
                # A number may go on in the next chunk.
                if end is not None and end < len(window.text):
                    return window.take(end)
                if not window.grow():
                    match = SCALAR.match(window.text, window.position)
                    return window.take(match.end() if match else len(window.text))

    def _remember_first_key(self) -> None:
        if len(self.first_keys) < MAX_FIRST_KEYS and (match := FIRST_KEY.match(self.window.text, self.window.position)):
            self.first_keys.add(match[1])

    def _next_object(self) -> int | None:
        """Returns the place of the next object in the window that begins like an earlier one."""
        keys = "|".join(map(re.escape, self.first_keys))
        pattern = re.compile(rf"(?<=[,\[\]}} \t\r\n])\{{[ \t\r\n]*(?:{keys})[ \t\r\n]*:")
        match = pattern.search(self.window.text, self.window.position + 1)
        return match.start() if match else None

    def _take_without_end(self) -> bytes | None:
        """Takes a value that has no end in the window: up to the next object, or else to its own end further on."""
        window = self.window
        self.had_missing_ends = True
        while (start := self._next_object()) is None and window.grow():
            pass
        if start is not None:
            return window.take(start).rstrip(b"\0 \t\r\n,[]")
        if window.pending <= MAX_BYTES:
            return window.take(len(window.text)).rstrip(b"\0 \t\r\n,[]")
        self._skip_to_end(Structure())
        return None

    def _skip_to_end(self, structure: Structure) -> None:
        """Skips a value that is longer than the window, without keeping it in memory."""
        window = self.window
        while True:
            if structure.is_broken:
                start = self._next_object()
                window.take(max(window.position, len(window.text) - FIRST_KEY_CHARACTERS) if start is None else start)
                has_ended = start is not None
            else:
                window.take(structure.scan(window.text, window.position))
                has_ended = structure.is_balanced
            if has_ended:
                return
            if not window.fill():
                window.take(len(window.text))
                return
