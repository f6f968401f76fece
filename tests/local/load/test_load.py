import threading
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest

from local.__main__ import main
from local.cloud import environment, lifetime
from local.servers import postgres
from local.servers.postgres import Server
from runtime.analytics.loading import tables
from runtime.analytics.loading.kinds import KINDS
from tests.local.commands import run
from tests.local.load.conftest import Load
from tests.local.load.contents import EXAMPLES, EXPERIMENTS, RATES, RULES, RULES_FILE, SPEND, SPEND_FILE, rows


def add_traffic(database: psycopg.Connection, source: str, medium: str) -> None:
    database.execute(
        "insert into traffic (source, medium, campaign, referrer_host, digest)"
        " values (%(source)s, %(medium)s, '', '', traffic_digest(%(source)s, %(medium)s, '', ''))",
        {"source": source, "medium": medium},
    )
    database.execute("select regroup_traffic()")


def test_spend_is_inserted_then_updated_and_other_rows_stay(database: psycopg.Connection, load: Load) -> None:
    status, output = load("spend", SPEND_FILE)
    assert (status, output.splitlines()[0]) == (0, "ad_spend: 2 inserted, 0 updated, 0 deleted, 0 unchanged")
    assert rows(database, SPEND) == [
        ("2026-03-01", "Paid Search", "spring", Decimal("12.5000"), "EUR"),
        ("2026-03-02", "Paid Search", "", Decimal("3.1234"), "USD"),
    ]
    later = "day,channel,amount,currency\n2026-03-02,Paid Search,4,USD\n2026-03-03,Paid Search,5,USD\n"
    assert load("spend", later)[1].startswith("ad_spend: 1 inserted, 1 updated, 0 deleted, 0 unchanged")
    assert [row[3] for row in rows(database, SPEND)] == [Decimal("12.5"), 4, 5]


def test_a_file_that_is_loaded_twice_changes_nothing(database: psycopg.Connection, load: Load) -> None:
    for kind, query in (("spend", SPEND), ("rates", RATES), ("rules", RULES), ("experiments", EXPERIMENTS)):
        assert load(kind, EXAMPLES[kind])[0] == 0
        stored = rows(database, query)
        status, output = load(kind, EXAMPLES[kind])
        assert f"0 inserted, 0 updated, 0 deleted, {len(stored)} unchanged" in output
        assert status == 0
        assert rows(database, query) == stored


def test_replace_deletes_the_rows_that_the_file_lacks(database: psycopg.Connection, load: Load) -> None:
    load("rates", "day,currency,rate\n2026-03-01,USD,0.92\n2026-03-01,GBP,1.15\n2026-03-02,USD,0.93\n")
    status, output = load("rates", "day,currency,rate\n2026-03-01,USD,0.92\n2026-03-02,USD,0.94\n", "--replace")
    assert (status, output) == (0, "exchange_rates: 0 inserted, 1 updated, 1 deleted, 1 unchanged\n")
    assert rows(database, RATES) == [("2026-03-01", "USD", Decimal("0.92")), ("2026-03-02", "USD", Decimal("0.94"))]


def test_rules_replace_all_rules_and_move_traffic(database: psycopg.Connection, load: Load) -> None:
    for source, medium in (("google", "cpc"), ("Google", "CPC"), ("news", ""), ("", "")):
        add_traffic(database, source, medium)
    load("rules", RULES_FILE)
    assert rows(database, RULES) == [
        (1, "^google$", "^cpc$", None, None, "Paid Search", True),
        (2, "^news$", None, None, None, "Email", False),
    ]
    status, output = load("rules", RULES_FILE.replace("Email", "Newsletter") + "3,,,Other,false\n")
    assert status == 0
    first, *moves = output.splitlines()
    assert first == "channel_rules: 1 inserted, 1 updated, 0 deleted, 1 unchanged"
    assert moves == ["traffic: 2 of 4 rows change channel", "  Direct → Other: 1", "  Email → Newsletter: 1"]
    channels = "select source, channel, is_paid from traffic_channels where traffic_id <> 0 order by traffic_id"
    assert rows(database, channels) == [
        ("google", "Paid Search", True),
        ("Google", "Paid Search", True),
        ("news", "Newsletter", False),
        ("", "Other", False),
    ]


def test_exported_rules_can_be_loaded(database: psycopg.Connection, tmp_path: Path, load: Load) -> None:
    default_rules = rows(database, RULES)
    path = tmp_path / "rules.csv"
    assert main(["export", "channel_rules", "--output", str(path)]) == 0
    load("rules", RULES_FILE)
    assert load("rules", path.read_text())[0] == 0
    assert rows(database, RULES) == default_rules != []


def test_spend_of_a_channel_without_a_rule_is_noted(database: psycopg.Connection, load: Load) -> None:
    load("rules", RULES_FILE)
    note = "note: no channel rule gives 'Paid Serach', so its spend (1 rows) stands beside no revenue"
    status, output = load("spend", SPEND_FILE + "2026-03-03,Paid Serach,,1,EUR\n")
    assert (status, output.splitlines()[1:]) == (0, [note])
    assert note in load("rules", RULES_FILE)[1]


def test_loads_wait_for_each_other(server: Server, database: psycopg.Connection, load: Load) -> None:
    """Two loads of the same rows at the same time insert every row once."""
    with psycopg.connect(server.url(database.info.dbname)) as other:
        other.execute("lock table ad_spend in share row exclusive mode")
        other.execute("insert into ad_spend (day, channel, amount, currency) values ('2026-03-01', 'X', 1, 'EUR')")
        finishing = threading.Timer(1, other.commit)
        finishing.start()
        status, output = load("spend", "day,channel,amount,currency\n2026-03-01,X,2,EUR\n")
        finishing.join()
    assert (status, output.splitlines()[0]) == (0, "ad_spend: 0 inserted, 1 updated, 0 deleted, 0 unchanged")


def test_the_deployed_database_is_started_for_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("LOCAL_FOLDER", str(tmp_path))
    with postgres.running(lifetime.instance_folder()) as server:
        postgres.create_database(server, environment.DATABASE)
    path = tmp_path / "rows.csv"
    path.write_text(SPEND_FILE)
    loaded = run(tmp_path, "load", "spend", path)
    assert (loaded.returncode, loaded.stdout) == (0, "ad_spend: 2 inserted, 0 updated, 0 deleted, 0 unchanged\n")
    exported = run(tmp_path, "export", "ad_spend")
    assert (exported.returncode, exported.stdout.count("\n")) == (0, 3)
    assert postgres.running_server(lifetime.instance_folder()) is None


def test_the_login_of_analytics_can_load(database: psycopg.Connection) -> None:
    database.execute("set role pipeline_analytics")
    for name, kind in KINDS.items():
        changes = tables.load(database, kind, EXAMPLES[name].encode(), replace=True)
        assert changes.inserted > 0
