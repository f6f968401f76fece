"""The same events come out of every format, compression, encoding and line ending, told by the content alone."""

import gzip
import itertools
import json
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from local.event_files.event_file import opened
from tests.local.event_files.writing import (
    COMPRESSIONS,
    ENCODINGS,
    EVENTS,
    LINE_BREAKS,
    TEXTS,
    parquet_bytes,
    rows_of,
    values_of,
    written,
)


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_text_file_is_read_and_told_by_its_content(tmp_path: Path, name: str, encoding: str) -> None:
    for compression, line_break in itertools.product(COMPRESSIONS, LINE_BREAKS):
        text = TEXTS[name](EVENTS).replace("\n", LINE_BREAKS[line_break])
        path = written(tmp_path / "events.dat", COMPRESSIONS[compression](ENCODINGS[encoding](text)))
        assert values_of(path) == EVENTS, (compression, line_break)
        with opened(path) as file:
            description = file.description()
        assert description.startswith(name.partition(",")[0])
        if name != "JSON array":
            assert line_break in description
        assert encoding.partition(" ")[0] in description
        assert (compression == "plain") == (("gzip" in description or "zstd" in description) is False)


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_a_parquet_file_is_read_and_told_by_its_content(tmp_path: Path, compression: str) -> None:
    content = parquet_bytes(pa.Table.from_pylist(EVENTS))
    path = written(tmp_path / "events.csv", COMPRESSIONS[compression](content))
    assert values_of(path) == EVENTS
    with opened(path) as file:
        assert file.description().startswith("Parquet")
        assert "columns: click_id, user_id" in file.description()


def test_values_of_parquet_are_exact(tmp_path: Path) -> None:
    at = datetime(2026, 3, 1, 11, 0, 0, 123456, timezone(timedelta(hours=1)))
    table = pa.table(
        {
            "checkout_id": pa.array([2**63 - 1]),
            "total_amount": pa.array([Decimal("123456789012345.6789")]),
            "adjusted": pa.array([at], pa.timestamp("us", "Europe/Berlin")),
            "nanoseconds": pa.array([1_772_359_200_123_456_789], pa.timestamp("ns", "UTC")),
            "zoneless": pa.array([at.replace(tzinfo=None)], pa.timestamp("ms")),
            "items": pa.array([[{"product_id": "p", "unit_price": Decimal("1.50")}]]),
            "bytes": pa.array([b"\xff\x00"]),
            "number": pa.array([39.9]),
            "nothing": pa.array([None], pa.string()),
        }
    )
    (value,) = values_of(written(tmp_path / "x", parquet_bytes(table)))
    assert value == {
        "checkout_id": 2**63 - 1,
        "total_amount": "123456789012345.6789",
        "adjusted": "2026-03-01T10:00:00.123456+00:00",
        "nanoseconds": "2026-03-01T10:00:00.123456+00:00",
        "zoneless": "2026-03-01T11:00:00.123000",
        "items": [{"product_id": "p", "unit_price": "1.50"}],
        "bytes": "ff00",
        "number": 39.9,
    }


def test_cells_of_a_table_are_text_and_empty_ones_are_left_out(tmp_path: Path) -> None:
    path = written(tmp_path / "x", b'checkout_id,user_id,total_amount,items\n007,,39.90,"[{""quantity"": 1.50}]"\n')
    (row,) = rows_of(path)
    assert row.data == b'{"checkout_id": "007", "total_amount": "39.90", "items": [{"quantity": 1.50}]}'


def test_a_column_that_is_named_twice_is_a_field_twice(tmp_path: Path) -> None:
    (row,) = rows_of(written(tmp_path / "x", b"click_id,user_id,user_id\nc,u,v\n"))
    assert row.data == b'{"click_id": "c", "user_id": "u", "user_id": "v"}'


def test_a_quoted_cell_may_hold_line_breaks_and_rows_keep_their_line_numbers(tmp_path: Path) -> None:
    path = written(tmp_path / "x", b'\nclick_id,utm_campaign\r\na,"one\r\ntwo"\r\n\r\nb,three\r\n')
    rows = [row for row in rows_of(path) if row.data]
    assert [(row.line, json.loads(row.data or b"")["utm_campaign"]) for row in rows] == [
        (3, "one\r\ntwo"),
        (6, "three"),
    ]


def test_the_delimiter_that_excel_names_is_used(tmp_path: Path) -> None:
    path = written(tmp_path / "x", b"sep=;\r\nclick_id;user_id\r\na;u,v\r\n")
    assert values_of(path) == [{"click_id": "a", "user_id": "u,v"}]


def test_rows_of_an_array_have_the_line_and_the_place_where_they_start(tmp_path: Path) -> None:
    rows = rows_of(written(tmp_path / "x", b'[{"a": 1}, {"a": 2},\n {"a":\n 3}, {"a": 4}]\n{"a": 5}'))
    assert [(row.line, row.place) for row in rows] == [(1, 0), (1, 1), (2, 0), (3, 0), (4, 0)]


def test_json_lines_may_begin_with_what_is_no_json(tmp_path: Path) -> None:
    path = written(tmp_path / "x", b'exported on Monday, by the shop\n{"click_id": "c"}\n')
    assert [row.data for row in rows_of(path)] == [b"exported on Monday, by the shop", b'{"click_id": "c"}']


def test_an_empty_file_has_no_rows(tmp_path: Path) -> None:
    for content in (b"", b"\n\n  ", b"\xef\xbb\xbf", gzip.compress(b"")):
        path = written(tmp_path / "x", content)
        with opened(path) as file:
            assert file.format == "empty"
            assert list(file.rows) == []


def test_a_sample_does_not_take_rows(tmp_path: Path) -> None:
    path = written(tmp_path / "x", b"".join(b"%d\n" % number for number in range(500)))
    with opened(path) as file:
        assert len(file.sample()) == 100
        assert file.sample() == file.sample()
        assert [row.data for row in file.rows] == [b"%d" % number for number in range(500)]


def test_the_share_of_a_row_grows_evenly_from_0_to_1(tmp_path: Path) -> None:
    content = b"".join(b'{"click_id": "%09d"}\n' % number for number in range(100_000))
    for name, data in (("plain", content), ("gzip", gzip.compress(content)), ("array", b"[" + content + b"]")):
        with opened(written(tmp_path / name, data)) as file:
            shares = [file.share(row) for row in file.rows]
        assert shares == sorted(shares)
        assert all(abs(share - number / 100_000) < 0.15 for number, share in enumerate(shares)), name
