"""Reading of CSV and TSV with a header: each row becomes a JSON object."""

import csv
import json
import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from local.event_files.lines import split_lines
from local.event_files.rows import MAX_BYTES, OVERSIZED, Row
from runtime.analytics.loading import delimited_text
from runtime.analytics.loading.delimited_text import NOT_CLOSED, Layout

# A byte that is not UTF-8, as the error handler "surrogateescape" decodes it.
NOT_UTF8 = re.compile("[\udc80-\udcff]")


def find_layout(head: bytes, line_break: bytes) -> Layout | None:
    """Returns the layout of a table that begins with these bytes; None if its first line has a single cell."""
    return delimited_text.find_layout(head.decode(errors="surrogateescape").split(line_break.decode()))


def read_delimited(chunks: Iterable[bytes], line_break: bytes, layout: Layout) -> Iterator[Row]:
    """Yields the rows below the header as JSON objects of text. Empty cells are left out, which is the same as null.

    A row that cannot be read costs only its first line: reading goes on with the line after it.
    """
    csv.field_size_limit(MAX_BYTES)
    lines = _Lines(split_lines(chunks, line_break), line_break.decode())
    encode = Encoder(layout.columns)
    for _ in range(layout.skipped_lines):
        lines.skip()
    rows = csv.reader(lines, delimiter=layout.delimiter, strict=True)
    while True:
        line = lines.number + 1
        lines.taken.clear()
        try:
            cells = next(rows)
        except StopIteration:
            return
        except _OversizedLineError:
            yield lines.refuse_first(OVERSIZED if len(lines.taken) == 1 else NOT_CLOSED)
        except csv.Error as error:
            yield lines.refuse_first(delimited_text.reason(error))
        else:
            yield _row(cells, line, lines.end, encode)


class Encoder:
    """Writes rows of a table as JSON objects. Columns without a name are left out."""

    def __init__(self, columns: Sequence[str]) -> None:
        self.columns = columns
        self._starts = [f"{json.dumps(column)}: " for column in columns]
        self._items = [column == "items" for column in columns]

    def __call__(self, values: Iterable[tuple[int, str]]) -> bytes:
        """Returns the object with these values: pairs of a column's number and JSON text."""
        fields = [self._starts[number] + value for number, value in values if self.columns[number]]
        return f"{{{', '.join(fields)}}}".encode()

    def text(self, number: int, cell: str) -> str:
        """Returns a cell as JSON: text, or in the column `items` a list that is written as JSON."""
        if self._items[number] and cell.lstrip().startswith("["):
            try:
                json.loads(cell)
            except (ValueError, RecursionError):
                pass
            else:
                return cell
        return json.dumps(cell, ensure_ascii=False)


class _OversizedLineError(Exception):
    pass


@dataclass
class _Lines:
    """The lines of the table, for csv.reader. `taken`: lines of the current row, with the offsets of their ends."""

    source: Iterator[tuple[bytes | None, int]]
    line_break: str
    number: int = 0
    end: int = 0
    taken: list[tuple[bytes | None, int]] = field(default_factory=list)
    returned: deque[tuple[bytes | None, int]] = field(default_factory=deque)
    size: int = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line, self.end = self.skip()
        self.size = (0 if len(self.taken) == 1 else self.size) + len(line or b"")
        if line is None or self.size > MAX_BYTES:
            raise _OversizedLineError
        return line.decode(errors="surrogateescape") + self.line_break

    def skip(self) -> tuple[bytes | None, int]:
        item = self.returned.popleft() if self.returned else next(self.source)
        self.taken.append(item)
        self.number += 1
        return item

    def refuse_first(self, reason: str) -> Row:
        """Returns the first line of the current row as a refused row. The other lines will be read again."""
        (_, end), *others = self.taken
        self.returned.extendleft(reversed(others))
        self.number -= len(others)
        return Row(self.number, 0, None, reason, end)


def _row(cells: Sequence[str], line: int, end: int, encode: Encoder) -> Row:
    columns = encode.columns
    if not any(cells):
        return Row(line, 0, b"", None, end)
    if len(cells) < len(columns) or any(cells[len(columns) :]):
        return Row(line, 0, None, f"{_number(len(cells), 'cell')}, but the header has {len(columns)}", end)
    filled = [(number, cell) for number, cell in enumerate(cells[: len(columns)]) if cell]
    if any(not cell.isascii() and NOT_UTF8.search(cell) for _, cell in filled):
        return Row(line, 0, None, "not UTF-8", end)
    data = encode((number, encode.text(number, cell)) for number, cell in filled)
    return Row(line, 0, data, None, end) if len(data) <= MAX_BYTES else Row(line, 0, None, OVERSIZED, end)


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
