"""Splits text into JSON objects: one object, objects joined by line breaks or nothing, or arrays of objects.

Commas and record separators (RFC 7464) between objects are taken too, and objects over several lines. A broken object
is one part: reading goes on after its closing bracket, at an opening brace that follows any closing bracket, or at the
next line that can begin an event, whatever comes first.
"""

import re
from collections.abc import Iterator

from runtime.attribution_job.events.framing.json_scanning import (
    BARE,
    FLAT_OBJECT,
    NOT_JSON,
    OPEN_ARRAY,
    OPEN_OBJECT,
    SPACE,
    STRING,
    Broken,
    end_of_value,
)
from runtime.attribution_job.events.framing.parts import Part

NOT_AN_OBJECT = "not a JSON object"
NOT_UTF8 = "not UTF-8"
CUT_ARRAY = "array that ends too early"
END_OF_ARRAY = ord("]")

SEPARATORS = re.compile(rb"(?:[\s,\x1e]|\xef\xbb\xbf)*+")
SCALAR = rb"(?:" + STRING + rb"|-?[0-9][0-9.eE+-]*+|true|false|null)"
LINE_SCALAR = re.compile(SCALAR + rb"(?=[ \t]*+(?:[\r\n\x1e]|\Z))")
ARRAY_SCALAR = re.compile(SCALAR + rb"(?=" + SPACE + rb"[,\]])")
ARRAY_START = re.compile(rb"\[" + SPACE + rb"(?=[{\[\]]|" + SCALAR + SPACE + rb"[,\]])")
# The white space before a line that can begin an event: a line without indentation that does not begin with a closing
# bracket, or an indented opening brace.
LINE = rb"(?:\x1e|\s++(?<=[\r\n])(?![}\]]))"
INDENTED_OBJECT = rb"[^\S\r\n]*+[\r\n]\s*+(?=\{)"
# The look-behind keeps the search from reading each run of white space many times.
NEXT_LINE = re.compile(rb"(?<!\s)" + LINE)
OBJECT_AFTER_BRACKET = re.compile(rb"[}\]]\s*+(?=\{)")


def _tokens(skipped: bytes) -> re.Pattern[bytes]:
    """Returns a pattern of the tokens that matter in text that is not JSON, with all between them as one token.

    A string without an end ends with its line.
    """
    skipped += rb"|[ \t]++(?!\s)|" + STRING + rb"?+|" + BARE + rb"|:(?![ \t]*+[{\[])"
    return re.compile(
        rb"(?P<line>" + LINE + rb")|(?P<indented>" + INDENTED_OBJECT + rb")|(?:" + skipped + rb")++|"
        rb":[ \t]*+(?P<inner>[{\[])|(?P<open>[{\[]++)|(?P<close>[}\]]++)(?P<next>\s*+(?=\{))?+|(?P<comma>,)|[\s\S]"
    )


TOKEN = _tokens(rb"(?!)")
# In a broken value, commas and whole objects matter only where another object follows.
TOKEN_OF_VALUE = _tokens(rb",|" + FLAT_OBJECT + rb"(?!\s*+\{)")
BINARY = re.compile(rb"[\x00-\x08\x0e-\x1d\x1f]")


def split(data: bytes) -> Iterator[Part]:
    """Yields the objects of `data` in order, and the text between them as dead letters."""
    return _Splitter(data).parts()


def is_binary(data: bytes) -> bool:
    """Tells whether `data` has control characters that no text has."""
    return BINARY.search(data) is not None


def text_part(data: bytes, reason: str | None = None) -> Part:
    """Returns `data` as a part; as a dead letter when it is not UTF-8."""
    if not data.isascii():
        try:
            data.decode()
        except UnicodeDecodeError:
            return Part(data, NOT_UTF8)
    return Part(data, reason)


class _Splitter:
    """The state of reading one text."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0
        self.in_array = False
        # The last failed scan, by the objects that were open where it failed: a scan of each of them would fail at the
        # same place. Without this memory, text of many opening lines would take quadratic time.
        self.failures: dict[int, Broken] = {}

    def parts(self) -> Iterator[Part]:
        last: Part | None = None
        while self._skip_separators():
            first = self.data[self.position]
            if self.in_array and first == END_OF_ARRAY:
                self.position += 1
                self.in_array = False
            elif not self.in_array and first == OPEN_ARRAY and (array := ARRAY_START.match(self.data, self.position)):
                self.position = array.end()
                self.in_array = True
                last = None
            else:
                last = self._next_part(first)
                yield last
        if self.in_array and not (last and last.reason):
            yield Part(b"", CUT_ARRAY)

    def _skip_separators(self) -> bool:
        """Moves to the next part; returns False at the end."""
        if separators := SEPARATORS.match(self.data, self.position):
            self.position = separators.end()
        return self.position < len(self.data)

    def _next_part(self, first: int) -> Part:
        start = self.position
        if first == OPEN_OBJECT or (first == OPEN_ARRAY and self.in_array):
            end = self._end_of_value(start)
            if isinstance(end, Broken):
                return self._broken_part(end)
            self.position = end
            return text_part(self.data[start:end], None if first == OPEN_OBJECT else NOT_AN_OBJECT)
        if scalar := (ARRAY_SCALAR if self.in_array else LINE_SCALAR).match(self.data, start):
            self.position = scalar.end()
            return text_part(scalar[0], NOT_AN_OBJECT)
        self.position = self._end_of_text(start)
        return self._dead_letter(start, NOT_JSON)

    def _end_of_value(self, start: int) -> int | Broken:
        if start in self.failures:
            return self.failures[start]
        end = end_of_value(self.data, start)
        if isinstance(end, Broken):
            self.failures = dict.fromkeys(end.openings, end)
        return end

    def _broken_part(self, broken: Broken) -> Part:
        start = self.position
        if line := NEXT_LINE.search(self.data, start, broken.position):
            self.position = line.end()
        elif OBJECT_AFTER_BRACKET.match(self.data, broken.position - 1):
            self.position = broken.position
        else:
            depth = len(broken.openings) - broken.openings.index(start)
            self.position = self._end_of_broken_value(broken.position, depth)
        return self._dead_letter(start, broken.reason)

    def _end_of_broken_value(self, position: int, depth: int) -> int:
        """Returns the end of a value that breaks at `position`, inside `depth` open brackets."""
        while token := TOKEN_OF_VALUE.match(self.data, position):
            kind, position = token.lastgroup, token.end()
            if kind in ("open", "inner"):
                depth += len(token[kind])
            elif kind in ("close", "next"):
                depth -= len(token["close"])
                if depth <= 0:
                    return token.end("close") + depth
            if _ends_part(kind, depth):
                break
        return position

    def _end_of_text(self, start: int) -> int:
        """Returns the end of text that is no JSON value: before an object, or before the array's next element."""
        depth, position = 0, start
        while token := TOKEN.match(self.data, position):
            kind = token.lastgroup
            if depth == 0 and position > start and self._begins_element(kind, token[0]):
                break
            position = token.end()
            if kind in ("open", "inner"):
                depth += len(token[kind])
            elif kind in ("close", "next"):
                depth = max(0, depth - len(token["close"]))
            if _ends_part(kind, depth):
                break
        return position

    def _begins_element(self, kind: str | None, token: bytes) -> bool:
        is_end_of_element = kind == "comma" or token.startswith(b"]")
        return (kind == "open" and token.startswith(b"{")) or (self.in_array and is_end_of_element)

    def _dead_letter(self, start: int, reason: str) -> Part:
        is_cut = self.in_array and self.position == len(self.data)
        return text_part(self.data[start : self.position].strip(), CUT_ARRAY if is_cut else reason)


def _ends_part(kind: str | None, depth: int) -> bool:
    """Tells whether the next event begins after a token.

    An indented object is one only at the top: deeper, it is rather a part of the broken object.
    """
    return kind in ("line", "next") or (kind == "indented" and depth <= 1)
