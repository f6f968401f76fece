"""The command `segments`: what it prints, and what it says about files that it cannot use."""

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from runtime.analytics.__main__ import main

HEADER = "customer_id,date,amount\n"
FILE = HEADER + "anna,2026-02-27,59.90\nanna,2026-01-10,12.00\nben,2025-11-02,80.00\nben,2025-11-09,-80.00\n"
ROWS = [
    ["customer_id", "recency_days", "frequency", "monetary", "r", "f", "m", "segment"],
    ["anna", "2", "2", "71.90", "5", "5", "5", "Champions"],
    ["ben", "119", "1", "0.00", "1", "1", "1", "Hibernating"],
]


class Result(NamedTuple):
    status: int
    rows: list[list[str]]
    errors: str


Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command with a file of the given content."""

    def run(content: str | bytes, as_of: str = "2026-03-01") -> Result:
        file = tmp_path / "purchases.csv"
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        status = main(["segments", str(file), "--as-of", as_of])
        output, errors = capsys.readouterr()
        return Result(status, list(csv.reader(io.StringIO(output))), errors.replace(str(file), "purchases.csv"))

    return run


@pytest.mark.parametrize(
    "content",
    [
        FILE.encode(),
        b"\xef\xbb\xbf" + FILE.encode(),
        FILE.replace("\n", "\r\n").encode(),
        FILE.replace(",", ";").encode(),
        FILE.replace(",", "\t").encode("utf-16"),
        (HEADER + "".join(sorted(FILE.splitlines(keepends=True)[1:], reverse=True))).encode(),
        b"\n".join(b",".join([b"x", *line.split(b",")[::-1]]) for line in FILE.encode().splitlines()),
    ],
    ids=["plain", "mark", "CRLF", "semicolons", "UTF-16", "other order", "other columns"],
)
def test_segments_are_printed_for_every_form_of_the_file(run: Run, content: bytes) -> None:
    assert run(content) == (0, ROWS, "")


def test_rows_after_the_day_are_left_out_and_counted(run: Run) -> None:
    status, rows, errors = run(FILE + "cleo,2025-01-01,-5\n", "2025-11-05")
    assert (status, rows[1:]) == (0, [["ben", "3", "1", "80.00", "5", "1", "1", "New customers"]])
    assert errors.splitlines() == [
        "note: rows left out because they are after 2025-11-05: 3",
        "note: customers left out because they have refunds but no purchase: 1",
    ]


def test_a_header_without_rows_gives_a_header(run: Run) -> None:
    assert run(HEADER) == (0, ROWS[:1], "")


def test_amounts_of_many_digits_are_added_exactly(run: Run) -> None:
    _, rows, _ = run(HEADER + "a,2026-01-01,999999999999999.9999\na,2026-01-01,0.0001\na,2026-01-01,-0.5\n")
    assert rows[1][3] == "999999999999999.5000"


def test_ids_are_kept_as_they_are(run: Run) -> None:
    _, rows, _ = run(HEADER + '007,2026-01-01,1\n7,2026-01-01,1\n"a, b",2026-01-01,1\nÄ,2026-01-01,1\n')
    assert [row[0] for row in rows[1:]] == ["007", "7", "a, b", "Ä"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "no header; the first line names the columns: customer_id,date,amount"),
        ("customer_id,date\na,2026-01-01\n", "the header has no column amount, only customer_id, date"),
        ("customer_id,date,amount,date\na,b,c,d\n", "the header has the column date more than once"),
        (HEADER + ",2026-01-01,1\n", "line 2: customer_id: is empty"),
        (HEADER + "a,,1\n", "line 2: date: is empty"),
        (HEADER + "a,2026-01-01,\n", "line 2: amount: is empty"),
        (HEADER + "a,01/02/2026,1\n", "line 2: date: '01/02/2026': write the day as YYYY-MM-DD"),
        (HEADER + "a,2026-02-30,1\n", "line 2: date: '2026-02-30': no such day"),
        (HEADER + "a,2026-01-01T10:00:00Z,1\n", "line 2: date: '2026-01-01T10:00:00Z': write the day as"),
        (HEADER + "a,2026-01-01,nan\n", "line 2: amount: 'nan': is not a decimal number"),
        (HEADER + "a,2026-01-01,--5\n", "line 2: amount: '--5': is not a decimal number"),
        (HEADER + "a,2026-01-01,-\n", "line 2: amount: '-': is not a decimal number"),
        (HEADER + 'a,2026-01-01,"-1,50"\n', "line 2: amount: '-1,50': has a decimal comma"),
        (HEADER + "a,2026-01-01,1e9\n", "line 2: amount: '1e9': is not a decimal number"),
        (HEADER + "a,2026-01-01," + "9" * 16 + "\n", "has more than 15 digits before the point"),
        (HEADER + "a,2026-01-01,1,5\n", "line 2: 4 cells, but the header has 3"),
        ((HEADER + "ü,2026-01-01,1\n").encode("latin-1"), "not UTF-8 text on line 2"),
    ],
)
def test_files_that_cannot_be_used_are_refused_by_line(run: Run, content: str | bytes, message: str) -> None:
    status, rows, errors = run(content)
    assert (status, rows) == (2, [])
    assert errors.startswith("python -m runtime.analytics segments: purchases.csv: ")
    assert message in errors


@pytest.mark.parametrize("day", ["yesterday", "2026-02-30", "2026-1-1"])
def test_a_day_that_is_none_is_refused(capsys: pytest.CaptureFixture[str], day: str) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["segments", "purchases.csv", "--as-of", day])
    assert f"argument --as-of: '{day}': " in capsys.readouterr().err


def test_the_day_is_required(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["segments", "purchases.csv"])
    assert "the following arguments are required: --as-of" in capsys.readouterr().err
