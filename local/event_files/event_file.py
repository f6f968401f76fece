"""An event file of any format: told by its content, never by its name."""

import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from local.errors import InputError
from local.event_files import delimited, parquet, source
from local.event_files.json_values import read_json_values, spans_lines
from local.event_files.lines import read_json_lines
from local.event_files.routing import ID_FIELDS
from local.event_files.rows import BrokenFileError, Row
from local.event_files.source import Source
from runtime.analytics.loading.delimited_text import DELIMITERS, Layout

# Starts of files that are no event files, and the remedy.
OTHER_FORMATS = {
    b"PK\x03\x04": "a ZIP archive or an Excel workbook: unpack it, or save the sheet as CSV",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook: save the sheet as CSV",
    b"BZh": "bzip2: decompress it with bunzip2",
    b"\xfd7zXZ": "xz: decompress it with unxz",
    b"\x04\x22\x4d\x18": "lz4: decompress it with unlz4",
    b"Obj\x01": "Avro: convert it to Parquet or JSON Lines",
    b"ORC": "ORC: convert it to Parquet",
    b"ARROW1": "an Arrow file: convert it to Parquet",
    b"SQLite format 3": "an SQLite database: export its tables as CSV",
    b"%PDF": "a PDF",
    b"<": "HTML or XML: perhaps a page that reports an error in place of the file",
}
SAMPLE_ROWS = 100
SAMPLE_BYTES = 1024 * 1024
MAX_NAMED_COLUMNS = 12


@dataclass(kw_only=True)
class EventFile:
    """An open event file.

    `columns`: empty for JSON. `share`: returns the share of the file up to the end of a row. `size`: bytes on the disk.
    """

    path: Path
    format: str
    details: Sequence[str]
    columns: Sequence[str]
    rows: Iterator[Row]
    share: Callable[[Row], float]
    size: int
    _sample: list[Row] | None = None

    @property
    def name(self) -> str:
        return self.path.name

    def sample(self) -> list[Row]:
        """Returns the first rows. `rows` still yields them."""
        if self._sample is None:
            self._sample = []
            rest = self.rows
            try:
                for row in itertools.islice(rest, SAMPLE_ROWS):
                    self._sample.append(row)
                    if sum(len(sampled.data or b"") for sampled in self._sample) > SAMPLE_BYTES:
                        break
            except BrokenFileError as error:
                rest = _raising(error)
            self.rows = itertools.chain(self._sample, rest)
        return self._sample

    def description(self) -> str:
        """Returns the format, compression, encoding, line breaks and columns, in a line."""
        text = ", ".join([self.format, *self.details])
        if not self.columns:
            return text
        named = ", ".join(self.columns[:MAX_NAMED_COLUMNS])
        more = f" and {len(self.columns) - MAX_NAMED_COLUMNS} more" if len(self.columns) > MAX_NAMED_COLUMNS else ""
        return f"{text}; columns: {named}{more}"


def _raising(error: BrokenFileError) -> Iterator[Row]:
    raise error
    yield


@contextmanager
def opened(path: Path) -> Iterator[EventFile]:
    """Opens an event file and tells its format.

    Raises:
        InputError: `path` is not a readable file, or its content is no event file.
        BrokenFileError: the file is cut or damaged at its beginning.
    """
    with ExitStack() as stack:
        content = stack.enter_context(source.opened(path))
        head = content.head.lstrip(b" \t\r\n")
        if head.startswith(parquet.MAGIC):
            yield _parquet(content, stack)
            return
        remedy = next((remedy for start, remedy in OTHER_FORMATS.items() if head.startswith(start)), None)
        if remedy:
            raise InputError(f"{path}: not an event file, but {remedy}")
        yield _text(content, head)


def _parquet(content: Source, stack: ExitStack) -> EventFile:
    file = stack.enter_context(
        parquet.opened(content.path, content.chunks(), is_compressed=content.compression is not None)
    )
    total = max(1, file.metadata.num_rows)
    return EventFile(
        path=content.path,
        format="Parquet",
        details=[*([content.compression] if content.compression else []), f"{file.metadata.num_rows:,} rows"],
        columns=parquet.columns(file),
        rows=parquet.read_parquet(content.path, file),
        share=lambda row: row.end / total,
        size=content.size,
    )


def _text(content: Source, head: bytes) -> EventFile:
    line_break = b"\r" if b"\r" in head and b"\n" not in head else b"\n"
    layout: Layout | None = None
    rows: Iterator[Row]
    if not head:
        name, rows = "empty", iter(())
    elif head.startswith(b"["):
        name, rows = "JSON array", read_json_values(content.chunks(), line_break)
    elif head.startswith(b"{") and spans_lines(head.decode("latin-1")):
        name, rows = "JSON objects of several lines", read_json_values(content.chunks(), line_break)
    elif layout := _table_layout(content.head, line_break):
        name = "TSV" if layout.delimiter == "\t" else "CSV"
        rows = delimited.read_delimited(content.chunks(), line_break, layout)
    else:
        name, rows = "JSON Lines", read_json_lines(content.chunks(), line_break)
    return EventFile(
        path=content.path,
        format=name,
        details=_details(content, head, layout) if head else [],
        columns=layout.columns if layout else [],
        rows=rows,
        share=lambda row: content.share(row.end),
        size=content.size,
    )


def _table_layout(head: bytes, line_break: bytes) -> Layout | None:
    """Returns the layout of a table; None if the first line has a single cell, or JSON follows and no known column."""
    layout = delimited.find_layout(head, line_break)
    return layout if layout and (ID_FIELDS.intersection(layout.columns) or not _has_json_lines(head)) else None


def _has_json_lines(head: bytes) -> bool:
    """Returns whether a line among the first ones begins like a JSON object or array. No line of a table does."""
    return bool(re.search(rb"(?:\A|[\r\n])[ \t]*[{\[]", b"\n".join(re.split(rb"[\r\n]+", head, maxsplit=20)[:20])))


def _details(content: Source, head: bytes, layout: Layout | None) -> list[str]:
    delimiter = layout.delimiter if layout else ","
    line_break = "CRLF" if b"\r\n" in head else "CR" if b"\r" in head and b"\n" not in head else "LF"
    return [
        *([content.compression] if content.compression else []),
        content.encoding if _is_utf8(head) else f"not {content.encoding} everywhere (perhaps Windows-1252 or Latin-1)",
        line_break,
        *([f"separated by {DELIMITERS.get(delimiter, delimiter)}"] if delimiter not in ",\t" else []),
    ]


def _is_utf8(head: bytes) -> bool:
    """Returns whether the head is UTF-8. The end of the head may cut a character."""
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return error.end == len(head) and len(head) - error.start < 4
    return True
