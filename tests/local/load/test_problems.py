"""What load refuses: nothing is loaded then."""

from pathlib import Path

import psycopg
import pytest

from local.servers.postgres import Server
from runtime.analytics.loading.kinds import KINDS
from tests.local.commands import run
from tests.local.load.conftest import Load
from tests.local.load.contents import EXAMPLES, RULES, SPEND, SPEND_FILE, rows


def test_every_problem_is_reported_and_nothing_is_loaded(database: psycopg.Connection, load: Load) -> None:
    load("spend", SPEND_FILE)
    stored = rows(database, SPEND)
    text = "day,channel,amount,currency\n2026-03-01,Paid Search,99,EUR\n2026-03-09,Paid Search,-1,XQX\n"
    assert load("spend", text, "--replace") == (
        2,
        "python -m local load: 2 problems, nothing was loaded:\n"
        "  line 3: amount: '-1': is negative; write a number of at least 0\n"
        "  line 3: currency: 'XQX': not in ISO 4217; write a code such as EUR\n",
    )
    assert rows(database, SPEND) == stored


def test_patterns_that_do_not_compile_are_reported(database: psycopg.Connection, load: Load) -> None:
    default_rules = rows(database, RULES)
    text = "priority,source,medium,channel,is_paid\n1,a(b,,X,true\n2,fine.*,[z-a],Y,perhaps\n"
    status, output = load("rules", text)
    assert status == 2
    assert [line.partition(" regular")[0] for line in output.splitlines()[1:]] == [
        "  line 2: source: 'a(b': invalid",
        "  line 3: is_paid: 'perhaps': write true or false",
        "  line 3: medium: '[z-a]': invalid",
    ]
    assert rows(database, RULES) == default_rules


def test_a_rate_of_the_reporting_currency_other_than_1_is_refused(database: psycopg.Connection, load: Load) -> None:
    assert load("rates", "day,currency,rate\n2026-03-01,EUR,1.00\n")[0] == 0
    status, output = load("rates", "day,currency,rate\n2026-03-02,EUR,0.5\n")
    assert status == 2
    assert "line 2: rate: '0.5': EUR is the reporting currency; its rate is 1" in output


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_database_without_the_tables_is_named(
    server: Server, load: Load, kind: str, database: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", server.url("postgres"))
    status, output = load(kind, EXAMPLES[kind])
    assert status == 2
    assert f"the database has no table for {kind}" in output


def test_no_database_and_no_file_are_named(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(SPEND_FILE)
    missing = run(tmp_path, "load", "spend", tmp_path / "missing.csv")
    assert (missing.returncode, missing.stdout) == (2, "")
    assert "missing.csv: No such file or directory" in missing.stderr
    nothing = run(tmp_path, "load", "spend", path)
    assert (nothing.returncode, nothing.stdout) == (2, "")
    assert "nothing has been deployed yet; run `make demo`" in nothing.stderr
    unreachable = run(tmp_path, "load", "spend", path, DATABASE_URL="postgresql://u:s3cret@127.0.0.1:9/shop")
    assert unreachable.returncode == 2
    assert "DATABASE_URL: " in unreachable.stderr
    assert "s3cret" not in unreachable.stderr
