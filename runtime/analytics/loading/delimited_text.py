"""The form of delimited text: its encoding, its delimiter and its header."""

import codecs
import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass

# UTF-32 comes first: its mark begins with that of UTF-16.
MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32-LE",
    codecs.BOM_UTF32_BE: "UTF-32-BE",
    codecs.BOM_UTF8: "UTF-8",
    codecs.BOM_UTF16_LE: "UTF-16-LE",
    codecs.BOM_UTF16_BE: "UTF-16-BE",
}
DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
# First line that Excel writes and reads, to name the delimiter.
EXCEL_DELIMITER = re.compile(r'"?sep=([^"\w\s]|\t)"?\s*')
NOT_CLOSED = "a quotation mark that is not closed"


@dataclass(frozen=True)
class Layout:
    """The form of a table. `skipped_lines`: lines up to and including the header."""

    delimiter: str
    columns: Sequence[str]
    skipped_lines: int


def find_encoding(data: bytes) -> tuple[str, bytes]:
    """Returns the encoding of a text that begins with these bytes, and its byte order mark.

    Without a mark, NUL in every other byte tells UTF-16.
    """
    for mark, encoding in MARKS.items():
        if data.startswith(mark):
            return encoding, mark
    if len(data) >= 4 and data[1] == data[3] == 0 and data[0] and data[2]:
        return "UTF-16-LE", b""
    if len(data) >= 4 and data[0] == data[2] == 0 and data[1] and data[3]:
        return "UTF-16-BE", b""
    return "UTF-8", b""


def find_layout(lines: Sequence[str]) -> Layout | None:
    """Returns the layout of a table that begins with these lines; None if its first line has a single cell."""
    skipped = next((number for number, line in enumerate(lines) if line.strip()), None)
    if skipped is None:
        return None
    named = EXCEL_DELIMITER.fullmatch(lines[skipped])
    header = lines[skipped + 1 if named and len(lines) > skipped + 1 else skipped]
    delimiters = [named[1]] if named else list(DELIMITERS)
    columns = {delimiter: _cells(header, delimiter) for delimiter in delimiters}
    delimiter = max(delimiters, key=lambda name: len(columns[name]))  # The first of equals: the comma.
    names = [name.strip() for name in columns[delimiter]]
    return Layout(delimiter, names, skipped + (2 if named else 1)) if len(names) > 1 else None


def reason(error: csv.Error) -> str:
    """Returns why the module csv could not read a row."""
    text = str(error)
    if "unexpected end of data" in text or "field larger" in text:
        return NOT_CLOSED
    if "expected after" in text:
        return "text after a closing quotation mark"
    if "new-line" in text:
        return "a line break in a cell without quotation marks"
    return f"not CSV: {text}"


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line.rstrip("\r\n")], delimiter=delimiter), [])
    except csv.Error:
        return []
