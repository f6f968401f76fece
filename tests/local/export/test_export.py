"""The files that export writes."""

import csv
import io
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from local.__main__ import main


def read(path: Path) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = pq.read_table(path).to_pylist()
    return rows


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_parquet_has_exact_types_and_values(tmp_path: Path) -> None:
    path = tmp_path / "shapes.parquet"
    assert main(["export", "shapes", "--output", str(path)]) == 0
    third = Decimal("0.33333333333333333333")
    types = {field.name: field.type for field in pq.read_schema(path)}
    assert types == {
        "small": pa.int16(), "middle": pa.int32(), "large": pa.int64(), "amount": pa.decimal128(19, 4),
        "ratio": pa.decimal128(38, 20), "share": pa.float64(), "flag": pa.bool_(), "day": pa.date32(),
        "at": pa.timestamp("us", "UTC"), "local_at": pa.timestamp("us"), "label": pa.string(), "list": pa.string(),
        "document": pa.string(), "duration": pa.string(), "currency": pa.string(),
    }  # fmt: skip
    first, empty, last = read(path)
    assert first == {
        "small": 1, "middle": 2, "large": 3, "amount": Decimal("12.5"), "ratio": third, "share": 0.1, "flag": True,
        "day": date(2026, 3, 1), "at": datetime(2026, 3, 1, 8, 20, 0, 123456, UTC),
        "local_at": datetime.fromisoformat("2026-03-01 10:20"), "label": 'a\n"b", ✓', "list": "{1,2}",
        "document": '{"a": [1]}', "duration": "P1DT2H", "currency": "EUR",
    }  # fmt: skip
    assert set(empty.values()) == {None}
    assert last["label"] == ""
    assert (last["amount"], last["ratio"]) == (Decimal("-0.0001"), Decimal("12345678901234.5"))
    assert (last["share"], last["day"], last["duration"]) == (-1e300, date(99, 1, 1), "PT-1H")


def test_csv_is_exact_and_in_utc(tmp_path: Path) -> None:
    path = tmp_path / "shapes.csv"
    assert main(["export", "shapes", "--output", str(path)]) == 0
    header, first, empty, last = csv.reader(io.StringIO(path.read_text(), newline=""))
    assert header[:4] == ["small", "middle", "large", "amount"]
    assert first == [
        "1", "2", "3", "12.5000", "0.33333333333333333333", "0.1", "t", "2026-03-01",
        "2026-03-01 08:20:00.123456+00", "2026-03-01 10:20:00", 'a\n"b", ✓', "{1,2}", '{"a": [1]}', "P1DT2H", "EUR",
    ]  # fmt: skip
    assert set(empty) == {""}
    assert '99-01-01,2026-12-31 23:59:59+00,2026-12-31 23:59:59.9,"",' in path.read_text()
    assert last[3] == "-0.0001"


def test_text_is_exact_unless_the_file_is_for_a_spreadsheet(tmp_path: Path) -> None:
    exact, safe = tmp_path / "exact.csv", tmp_path / "safe.csv"
    assert main(["export", "formulas", "--output", str(exact)]) == 0
    assert exact.read_text() == 'label,amount\n=1+1,-1.5\n+49 30,2\n-x,3\n@a,4\n\tx,5\na=b,6\n"",7\n,8\n'
    assert main(["export", "formulas", "--spreadsheet", "--output", str(safe)]) == 0
    assert safe.read_bytes().decode() == (
        "\ufefflabel,amount\n'=1+1,-1.5\n'+49 30,2\n'-x,3\n'@a,4\n'\tx,5\na=b,6\n\"\",7\n,8\n"
    )


def test_a_view_without_rows_becomes_a_file_with_its_columns(tmp_path: Path) -> None:
    path = tmp_path / "nothing.parquet"
    assert main(["export", "nothing", "--output", str(path)]) == 0
    assert (pq.read_schema(path).names, read(path)) == (["id", "label", "amount"], [])


def test_null_in_a_single_column_keeps_its_row(tmp_path: Path) -> None:
    path = tmp_path / "one.parquet"
    assert main(["export", "one_column", "--output", str(path)]) == 0
    assert [row["n"] for row in read(path)] == [1, None, 3]


def test_a_large_view_is_written_in_several_row_groups(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "many"
    assert main(["export", "many", "--format", "parquet", "--output", str(path)]) == 0
    assert capsys.readouterr().out == f"{path}: 400,000 rows\n"
    assert pq.ParquetFile(path).num_row_groups > 1
    assert sum(row.as_py() for row in pq.read_table(path, columns=["n"])["n"]) == 400_000 * 400_001 // 2


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_failed_query_leaves_the_old_file(tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str) -> None:
    path = tmp_path / f"old.{form}"
    path.write_text("old")
    assert main(["export", "broken", "--output", str(path)]) == 1
    assert "division by zero" in capsys.readouterr().err
    assert (path.read_text(), leftovers(tmp_path)) == ("old", [path.name])


@pytest.mark.parametrize("view", ["infinite", "no_number"])
def test_a_value_that_parquet_lacks_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str], view: str) -> None:
    assert main(["export", view, "--output", str(tmp_path / "x.parquet")]) == 1
    assert "a value does not fit into Parquet" in capsys.readouterr().err
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("name", ["secret", "dead_letters", "pg_authid", "shape", "SHAPES", 'x"; drop view shapes'])
def test_what_the_analyst_may_not_read_is_refused_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert main(["export", name, "--output", str(tmp_path / "x.csv")]) == 2
    message = capsys.readouterr().err
    assert f"{name}: the analyst may read no table or view of this name; there are " in message
    assert "net_checkouts, " in message
    assert "dead_letters, " not in message
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--format", "parquet"], "Parquet needs a file: add --output FILE"),
        (["--spreadsheet", "--output", "x.parquet"], "--spreadsheet is for CSV"),
        (["--output", "/nowhere/x.csv"], "/nowhere/x.csv: cannot be written"),
    ],
)
def test_contradicting_options_are_refused(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main(["export", "shapes", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_every_relation_of_the_analyst_can_be_exported(database: str, tmp_path: Path) -> None:
    with psycopg.connect(database) as connection:
        names = connection.execute(
            "select table_name from information_schema.role_table_grants"
            " where grantee = 'pipeline_analyst' and privilege_type = 'SELECT' and table_schema = 'public'"
        ).fetchall()
    for (name,) in names:
        if name not in ("broken", "infinite", "no_number", "endless"):
            assert main(["export", name, "--output", str(tmp_path / f"{name}.parquet")]) == 0, name
    assert (tmp_path / "net_checkouts.parquet").exists()
