"""The rows of delimited text, each with its place in the file."""

import csv
import io
from collections.abc import Iterator

from runtime.analytics.loading.delimited_text import Layout, find_encoding, reason

MAX_CELL_CHARACTERS = 16 * 1024 * 1024


def decode(content: bytes) -> str:
    """Returns the text of a file.

    Raises:
        ValueError: the bytes are no text in the encoding that they seem to have; the message names the remedy.
    """
    encoding, mark = find_encoding(content)
    try:
        text = content[len(mark) :].decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        place = f" on line {line}" if encoding == "UTF-8" else ""
        raise ValueError(
            f"not {encoding} text{place}; save the table as CSV in UTF-8 (in Excel: 'CSV UTF-8')"
        ) from None
    if "\0" in text:
        raise ValueError("not a text file; save the table as CSV in UTF-8 (in Excel: 'CSV UTF-8')")
    return text


def read_rows(text: str, layout: Layout) -> Iterator[tuple[int, dict[str, str] | str]]:
    """Yields each row below the header with its line: its cells by column in lower case, or the reason for having none.

    Blank rows are left out, and so are empty cells beyond the header.
    """
    csv.field_size_limit(MAX_CELL_CHARACTERS)
    lines = io.StringIO(text, newline="")
    for _ in range(layout.skipped_lines):
        next(lines)
    columns = [name.lower() for name in layout.columns]
    rows = csv.reader(lines, delimiter=layout.delimiter, strict=True)
    while True:
        line = layout.skipped_lines + rows.line_num + 1
        try:
            row = [cell.strip() for cell in next(rows)]
        except StopIteration:
            return
        except csv.Error as error:
            yield line, f"{reason(error)}; correct the quotation marks"
            continue
        if (len(row) < len(columns) and any(row)) or any(row[len(columns) :]):
            cell_count = "1 cell" if len(row) == 1 else f"{len(row)} cells"
            yield line, f"{cell_count}, but the header has {len(columns)}; quote a cell that holds {layout.delimiter!r}"
        elif any(cell for column, cell in zip(columns, row, strict=False) if not column):
            yield line, "has a cell below no column name; name the column in the header, or delete it"
        elif any(row):
            yield line, {column: cell for column, cell in zip(columns, row, strict=False) if column}
