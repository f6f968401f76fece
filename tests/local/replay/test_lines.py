import io
import json
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.errors import InputError
from local.replay.lines import Line, is_oversized, open_lines, partition_key, read_lines

MEBIBYTE = 1024 * 1024


def lines_of(content: bytes) -> list[Line]:
    return list(read_lines(io.BytesIO(content)))


@given(st.lists(st.binary(max_size=50).filter(lambda line: b"\n" not in line), max_size=20))
def test_every_line_comes_back_as_it_is_with_its_number(lines: list[bytes]) -> None:
    read = lines_of(b"".join(line + b"\n" for line in [b"first", *lines]))
    assert [line.data for line in read] == [b"first", *[line.removesuffix(b"\r") for line in lines]]
    assert [line.number for line in read] == list(range(1, len(lines) + 2))


def test_an_empty_file_has_no_lines() -> None:
    assert lines_of(b"") == []


def test_the_last_line_needs_no_line_break() -> None:
    assert lines_of(b"a\nb") == [Line(1, b"a", 2), Line(2, b"b", 3)]


def test_windows_line_breaks_and_byte_order_marks_are_no_part_of_a_line() -> None:
    assert [line.data for line in lines_of(b"\xef\xbb\xbfa\r\n\r\nb\r\n")] == [b"a", b"", b"b"]


def test_a_line_of_a_records_size_is_read_whole_and_a_longer_one_not_at_all() -> None:
    fits, exceeds = b"x" * MEBIBYTE, b"x" * (MEBIBYTE + 3)
    read = lines_of(fits + b"\n" + exceeds + b"\n" + b"after")
    assert [line.data for line in read] == [fits, None, b"after"]
    assert read[-1].end == len(fits) + len(exceeds) + len(b"after") + 2


def test_the_key_counts_towards_a_records_size() -> None:
    assert not is_oversized(Line(1, b"x" * (MEBIBYTE - len("line-1")), 0))
    assert is_oversized(Line(1, b"x" * (MEBIBYTE - len("line-1") + 1), 0))
    assert is_oversized(Line(1, None, 0))


def test_a_giant_line_takes_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "giant"
    with path.open("wb") as file:
        file.truncate(300 * MEBIBYTE)
        file.seek(0, io.SEEK_END)
        file.write(b"\nafter\n")
    tracemalloc.start()
    try:
        with open_lines(path) as opened:
            assert [line.data for line in read_lines(opened)] == [None, b"after"]
        assert tracemalloc.get_traced_memory()[1] < 8 * MEBIBYTE
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("line", "key"),
    [
        (json.dumps({"user_id": "u1"}).encode(), "u1"),
        (json.dumps({"user_id": "ü" * 256}).encode(), "ü" * 256),
        (json.dumps({"user_id": "u" * 257}).encode(), "line-7"),
        (b'{"user_id": ""}', "line-7"),
        (b'{"user_id": 5}', "line-7"),
        (b'{"user_id": null}', "line-7"),
        (b'{"user_id": "\\ud800"}', "line-7"),
        (b"[]", "line-7"),
        (b'"user_id"', "line-7"),
        (b"{", "line-7"),
        (b"\xff\x00", "line-7"),
        (b"[" * 100_000, "line-7"),
    ],
    ids=range(12),
)
def test_the_partition_key_is_the_user_where_there_is_one(line: bytes, key: str) -> None:
    assert partition_key(Line(7, line, 0)) == key


def test_what_is_no_readable_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"missing\.jsonl: No such file"):
        open_lines(tmp_path / "missing.jsonl")
    with pytest.raises(InputError, match="not a file"):
        open_lines(tmp_path)
