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
def test_every_line_is_read_unchanged_with_its_number(lines: list[bytes]) -> None:
    read = lines_of(b"".join(line + b"\n" for line in [b"first", *lines]))
    assert [line.data for line in read] == [b"first", *[line.removesuffix(b"\r") for line in lines]]
    assert [line.number for line in read] == list(range(1, len(lines) + 2))


def test_an_empty_file_has_no_lines() -> None:
    assert lines_of(b"") == []


def test_the_last_line_needs_no_line_break() -> None:
    assert lines_of(b"a\nb") == [Line(1, b"a", 2), Line(2, b"b", 3)]


def test_windows_line_breaks_and_byte_order_marks_are_removed() -> None:
    assert [line.data for line in lines_of(b"\xef\xbb\xbfa\r\n\r\nb\r\n")] == [b"a", b"", b"b"]


def test_a_line_longer_than_a_record_has_no_data() -> None:
    fitting, oversized = b"x" * MEBIBYTE, b"x" * (MEBIBYTE + 3)
    read = lines_of(fitting + b"\n" + oversized + b"\n" + b"after")
    assert [line.data for line in read] == [fitting, None, b"after"]
    assert read[-1].end == len(fitting) + len(oversized) + len(b"after") + 2


def test_the_partition_key_counts_towards_the_size_of_a_record() -> None:
    assert not is_oversized(Line(1, b"x" * (MEBIBYTE - len("line-1")), 0))
    assert is_oversized(Line(1, b"x" * (MEBIBYTE - len("line-1") + 1), 0))
    assert is_oversized(Line(1, None, 0))


def test_a_huge_line_takes_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "huge"
    with path.open("wb") as file:
        file.truncate(300 * MEBIBYTE)
        file.seek(0, io.SEEK_END)
        file.write(b"\nafter\n")
    tracemalloc.start()
    try:
        with open_lines(path) as file:
            assert [line.data for line in read_lines(file)] == [None, b"after"]
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
def test_the_partition_key_is_the_user_if_the_line_has_one(line: bytes, key: str) -> None:
    assert partition_key(Line(7, line, 0)) == key


def test_an_unreadable_file_is_refused_and_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"missing\.jsonl: No such file"):
        open_lines(tmp_path / "missing.jsonl")
    with pytest.raises(InputError, match="not a file"):
        open_lines(tmp_path)
