"""Broken, foreign and huge files: what can be read is read, in bounded memory, and the rest is named."""

import gzip
import io
import json
import random
import tracemalloc
from pathlib import Path

import pyarrow as pa
import pytest

from local.errors import InputError
from local.event_files.event_file import opened
from local.event_files.rows import OVERSIZED, BrokenFileError, Row
from tests.local.event_files.writing import EVENTS, json_lines, parquet_bytes, rows_of, values_of, written

MEBIBYTE = 1024 * 1024


def reasons_of(path: Path) -> list[tuple[int, str | None]]:
    return [(row.line, row.reason) for row in rows_of(path)]


def rows_before_the_break(path: Path) -> tuple[list[Row], str]:
    rows: list[Row] = []
    with opened(path) as file:
        file.sample()
        while True:
            try:
                rows.append(next(file.rows))
            except BrokenFileError as error:
                return rows, str(error)


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_lines_before_the_cut_of_a_compressed_file_are_read(tmp_path: Path, compression: str) -> None:
    noise = [{"click_id": f"{number}", "n": random.Random(number).random()} for number in range(60_000)]
    content = json_lines(noise).encode()
    compressed = gzip.compress(content) if compression == "gzip" else pa.compress(content, compression, asbytes=True)
    rows, message = rows_before_the_break(written(tmp_path / "x", compressed[: len(compressed) // 2]))
    assert 10_000 < len(rows) < 50_000
    assert f"its {compression} data ends too early: the file was cut" in message


def test_a_small_cut_file_is_read_up_to_the_cut(tmp_path: Path) -> None:
    compressed = gzip.compress(json_lines(EVENTS).encode())
    rows, _ = rows_before_the_break(written(tmp_path / "x", compressed[:-4]))
    assert len(rows) == 3


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    compressed = bytearray(gzip.compress(json_lines(EVENTS).encode()))
    compressed[-6] ^= 255
    _, message = rows_before_the_break(written(tmp_path / "x", bytes(compressed)))
    assert "its gzip data is damaged" in message
    with (
        pytest.raises(BrokenFileError, match="Parquet file is cut or damaged"),
        opened(written(tmp_path / "y", b"PAR1")),
    ):
        pass


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\n<!DOCTYPE html><html>", "HTML or XML"),
        (b"PK\x03\x04...", "ZIP archive or an Excel workbook"),
        (b"BZh91AY", "bunzip2"),
        (gzip.compress(b"%PDF-1.7"), "a PDF"),
    ],
    ids=range(4),
)
def test_another_kind_of_file_is_named_with_a_remedy(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message), opened(written(tmp_path / "x", content)):
        pass


def test_what_is_no_readable_file_is_named(tmp_path: Path) -> None:
    for path, message in ((tmp_path / "missing", "missing: No such file"), (tmp_path, "a folder")):
        with pytest.raises(InputError, match=message), opened(path):
            pass


@pytest.mark.parametrize("start", [b"", b"[", b'click_id,user_id\nc,u\n"'], ids=["lines", "array", "table"])
def test_a_huge_line_takes_little_memory(tmp_path: Path, start: bytes) -> None:
    path = tmp_path / "huge"
    with path.open("wb") as file:
        file.write(start + b'{"click_id": "')
        file.truncate(200 * MEBIBYTE)
        file.seek(0, io.SEEK_END)
        file.write(b'"}\n{"click_id": "after"}\n')
    tracemalloc.start()
    try:
        with opened(path) as opened_file:
            rows = list(opened_file.rows)
        assert tracemalloc.get_traced_memory()[1] < 16 * MEBIBYTE
    finally:
        tracemalloc.stop()
    assert any(row.reason for row in rows)
    if not start.startswith(b"click_id"):
        assert [row.reason for row in rows] == [OVERSIZED, None]
        assert rows[-1].data == b'{"click_id": "after"}'
        assert rows[-1].line == 2


def test_a_stray_quotation_mark_costs_one_row_of_a_table(tmp_path: Path) -> None:
    lines = [b"click_id,user_id", b'"a,u', b"b,u", b'c,"u" v', b"d,u", b'"e,u', b'f,"u,v"', b"g,u", b'"h,u']
    rows = rows_of(written(tmp_path / "x", b"\n".join(lines) + b"\n"))
    assert [row.line for row in rows] == list(range(2, 10))
    assert [json.loads(row.data)["click_id"] for row in rows if row.data] == ["b", "d", "f", "g"]
    assert {row.reason for row in rows if row.data is None} == {
        "a quotation mark that is not closed",
        "text after a closing quotation mark",
    }


def test_a_quotation_mark_that_is_never_closed_costs_one_row(tmp_path: Path) -> None:
    lines = [b"click_id,user_id", b'"a,u', *[b"%d,u" % number for number in range(100_000)]]
    rows = rows_of(written(tmp_path / "x", b"\n".join(lines) + b"\n"))
    assert len(rows) == 100_001
    assert [row.line for row in rows if row.data is None] == [2]


def test_a_row_with_another_number_of_cells_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "x", b"click_id,user_id\na\nb,u,v\nc,u,\nd,u\n")
    assert reasons_of(path) == [
        (2, "1 cell, but the header has 2"),
        (3, "3 cells, but the header has 2"),
        (4, None),
        (5, None),
    ]


def test_a_row_that_is_not_utf8_costs_only_itself(tmp_path: Path) -> None:
    assert reasons_of(written(tmp_path / "x", b"click_id,user_id\na,\xfc\nb,u\n")) == [(2, "not UTF-8"), (3, None)]
    (first, second) = rows_of(written(tmp_path / "y", b'[{"click_id": "\xfc"}, {"click_id": "b"}]'))
    assert first.data == b'{"click_id": "\xfc"}'
    assert second.data == b'{"click_id": "b"}'
    with opened(tmp_path / "y") as file:
        assert "perhaps Windows-1252" in file.description()


def test_half_a_surrogate_pair_in_utf16_costs_only_its_row(tmp_path: Path) -> None:
    text = '{"click_id": "a"}\n{"click_id": "\ud800"}\n{"click_id": "c"}\n'
    rows = rows_of(written(tmp_path / "x", b"\xff\xfe" + text.encode("utf-16-le", "surrogatepass")))
    assert [row.data for row in rows] == [b'{"click_id": "a"}', b'{"click_id": "\xed\xa0\x80"}', b'{"click_id": "c"}']


@pytest.mark.parametrize(
    "broken",
    [
        '{"click_id": "x",}',
        '{"click_id": x}',
        '{"click_id": "x" "y"}',
        '{"click_id": "x',
        '{"click_id": "x"',
        '{"click_id": x", "user_id": "u"}',
        '{"click_id": "x", "items": [}',
        "5",
        '"text, with } and ]"',
        "nul",
    ],
)
@pytest.mark.parametrize("indent", [None, 2])
def test_a_broken_element_of_an_array_costs_only_itself(tmp_path: Path, broken: str, indent: int | None) -> None:
    good = [json.dumps({"click_id": f"c{number}", "items": [{"a": "}"}]}, indent=indent) for number in range(4)]
    elements = [good[0], broken, good[1], broken, good[2], good[3]]
    rows = rows_of(written(tmp_path / "x", ("[" + ",\n".join(elements) + "]").encode()))
    assert len(rows) == 6
    assert [rows[place].data for place in (0, 2, 4, 5)] == [element.encode() for element in good]


def test_many_broken_elements_are_read_in_linear_time(tmp_path: Path) -> None:
    broken = '{"click_id": "x", "text": "' + "-" * 200 + '"'
    rows = rows_of(written(tmp_path / "x", ("[" + ", ".join([broken] * 20_000) + "]").encode()))
    assert len(rows) == 20_000


def test_a_deep_or_huge_element_of_an_array_costs_only_itself(tmp_path: Path) -> None:
    deep = '{"click_id": ' + "[" * 100_000 + "]" * 100_000 + "}"
    huge = json.dumps({"click_id": "x", "text": '\\"{' * MEBIBYTE})
    path = written(tmp_path / "x", ("[" + ",".join([deep, '{"click_id": 1}', huge, '{"click_id": 2}']) + "]").encode())
    rows = rows_of(path)
    assert [row.reason for row in rows] == [None, None, OVERSIZED, None]
    assert rows[3].data == b'{"click_id": 2}'


def test_an_array_that_is_cut_keeps_its_whole_elements(tmp_path: Path) -> None:
    rows = rows_of(written(tmp_path / "x", b'[{"click_id": "a"}, {"click_id": "b", "us'))
    assert [row.data for row in rows] == [b'{"click_id": "a"}', b'{"click_id": "b", "us']
    assert values_of(written(tmp_path / "y", b'[{"click_id": "a"},')) == [{"click_id": "a"}]


def test_a_large_array_is_read_in_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "x"
    with path.open("w") as file:
        file.write("[")
        for number in range(30_000):
            file.write(json.dumps({"click_id": number, "text": "-" * 500}, indent=1) + ",\n")
        file.write("]")
    tracemalloc.start()
    try:
        with opened(path) as opened_file:
            assert sum(1 for _ in opened_file.rows) == 30_000
        assert tracemalloc.get_traced_memory()[1] < 4 * MEBIBYTE
    finally:
        tracemalloc.stop()


def test_parquet_with_nothing_in_it_has_no_rows(tmp_path: Path) -> None:
    assert rows_of(written(tmp_path / "x", parquet_bytes(pa.table({"click_id": pa.array([], pa.string())})))) == []
