"""Writes the same events in every format, compression, encoding and line ending."""

import codecs
import csv
import gzip
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from local.event_files.event_file import opened
from local.event_files.rows import Row

Events = Sequence[dict[str, Any]]
COLUMNS = ["click_id", "user_id", "click_timestamp", "utm_campaign"]
EVENTS: Events = [
    {
        "click_id": f"c{number}",
        "user_id": "üß😀",
        "click_timestamp": "2026-03-01T10:00:00.000Z",
        "utm_campaign": 'say "a, b; c"\tno',
    }
    for number in range(3)
]


def json_lines(events: Events) -> str:
    return "".join(json.dumps(event, ensure_ascii=False) + "\n" for event in events)


def json_array(events: Events) -> str:
    return json.dumps(events, ensure_ascii=False)


def pretty_array(events: Events) -> str:
    return json.dumps(events, ensure_ascii=False, indent=2) + "\n"


def pretty_objects(events: Events) -> str:
    return "".join(json.dumps(event, ensure_ascii=False, indent=4) + "\n" for event in events)


def separated(delimiter: str) -> Callable[[Events], str]:
    def write(events: Events) -> str:
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS, delimiter=delimiter, lineterminator="\n")
        writer.writeheader()
        writer.writerows(events)
        return text.getvalue()

    return write


TEXTS: dict[str, Callable[[Events], str]] = {
    "JSON Lines": json_lines,
    "JSON array": json_array,
    "JSON array, pretty": pretty_array,
    "JSON objects of several lines": pretty_objects,
    "CSV": separated(","),
    "CSV, semicolon": separated(";"),
    "CSV, bar": separated("|"),
    "TSV": separated("\t"),
}
ENCODINGS: dict[str, Callable[[str], bytes]] = {
    "UTF-8": str.encode,
    "UTF-8 with mark": lambda text: codecs.BOM_UTF8 + text.encode(),
    "UTF-16-LE": lambda text: codecs.BOM_UTF16_LE + text.encode("utf-16-le"),
    "UTF-16-BE": lambda text: codecs.BOM_UTF16_BE + text.encode("utf-16-be"),
    "UTF-16-LE without mark": lambda text: text.encode("utf-16-le"),
    "UTF-32-LE": lambda text: codecs.BOM_UTF32_LE + text.encode("utf-32-le"),
}
COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "plain": lambda content: content,
    "gzip": gzip.compress,
    "gzip of two members": lambda content: gzip.compress(content[:100]) + gzip.compress(content[100:]),
    "zstd": lambda content: bytes(pa.compress(content, "zstd", asbytes=True)),
}
LINE_BREAKS = {"LF": "\n", "CRLF": "\r\n", "CR": "\r"}


def parquet_bytes(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    parquet.write_table(table, buffer)
    return buffer.getvalue()


def rows_of(path: Path) -> list[Row]:
    with opened(path) as file:
        return list(file.rows)


def values_of(path: Path) -> list[Any]:
    """Returns the rows of a file as JSON values, without the blank ones."""
    return [json.loads(row.data) for row in rows_of(path) if row.data]


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path
