"""The evaluation of the rules: which hours, how often, by whom, and what a rule that fails leaves behind."""

import json
import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg import errors

from runtime.analytics import refresh as module
from runtime.analytics.quality.refreshing import refresh_quality
from tests.runtime.analytics.conftest import Logins
from tests.runtime.analytics.quality.shop import CLICKS, DAY, clicks, evaluate, half_past, refused, sound, write

HOUR = timedelta(hours=1)
NOW = datetime(2026, 11, 23, 12, 20, tzinfo=UTC)
ADD_RULE = """
insert into quality_rules (name, dimension, severity, counts, unit, query, threshold, min_events, remedy)
values ('mine', 'validity', 'warning', 'c', 'u', %s, 0, 1, 'r')
"""


def results(connection: psycopg.Connection) -> list[tuple[Any, ...]]:
    return connection.execute("select * from quality_results order by rule, hour").fetchall()


def hours(connection: psycopg.Connection, rule: str = "robot_clicks") -> list[datetime]:
    query = "select hour from quality_results where rule = %s order by hour"
    return [hour.astimezone(UTC) for (hour,) in connection.execute(query, [rule])]


def test_the_first_run_evaluates_a_day_and_the_next_ones_four_hours(logins: Logins) -> None:
    at = NOW.replace(minute=0)
    evaluate(logins.refresher, NOW)
    assert hours(logins.owner) == [at - number * HOUR for number in range(23, -1, -1)]
    logins.owner.execute("update quality_results set total = 7")
    evaluate(logins.refresher, NOW + timedelta(minutes=5))
    changed = logins.owner.execute("select distinct hour from quality_results where total = 0 order by hour")
    assert [hour.astimezone(UTC) for (hour,) in changed] == [at - number * HOUR for number in (3, 2, 1, 0)]


def test_hours_without_a_refresh_are_caught_up(logins: Logins) -> None:
    evaluate(logins.refresher, NOW)
    evaluate(logins.refresher, NOW + 10 * HOUR)
    assert len(hours(logins.owner)) == 34
    evaluate(logins.refresher, NOW + 50 * HOUR)
    assert len(hours(logins.owner)) == 34 + 24


def test_evaluating_again_changes_nothing(logins: Logins) -> None:
    now = datetime.now(UTC)
    write(logins.sink, sound(half_past()))
    evaluate(logins.refresher, now)
    first = results(logins.owner)
    evaluate(logins.refresher, now)
    assert results(logins.owner) == first


def test_late_events_change_the_results_of_an_hour_before(logins: Logins) -> None:
    at = half_past()
    write(logins.sink, [*clicks(at)])
    assert evaluate(logins.refresher) == set()
    write(logins.sink, [*clicks(at, 200, first=CLICKS, is_bot=True)])
    assert evaluate(logins.refresher) == {"robot_clicks"}
    write(logins.sink, [*clicks(at, 400, first=2 * CLICKS)])
    assert evaluate(logins.refresher) == set()


def test_results_are_kept_for_90_days(logins: Logins) -> None:
    evaluate(logins.refresher, NOW - 91 * DAY)
    evaluate(logins.refresher, NOW)
    assert len(hours(logins.owner)) == 24


def test_a_breach_has_its_first_hour_and_the_day_before(logins: Logins) -> None:
    evaluate(logins.refresher, NOW)
    evaluate(logins.refresher, NOW + 3 * HOUR)
    logins.owner.execute(
        """
        update quality_results
           set total = 1000, bad = case when hour >= %(now)s::timestamptz - interval '2 hours' then 400 else 10 end
         where rule = 'robot_clicks'
        """,
        {"now": NOW},
    )
    newest = logins.analyst.execute(
        """
        select state, bad_share, day_before, breached_since
          from data_quality where rule = 'robot_clicks' order by hour desc limit 1
        """
    ).fetchone()
    assert newest is not None
    assert (newest[0], float(newest[1]), float(newest[2])) == ("breached", 0.4, 0.01)
    assert newest[3].astimezone(UTC) == NOW.replace(minute=0) - HOUR


@pytest.mark.parametrize(
    ("query", "failure"),
    [
        ("select 1, 2 from no_such_table", 'relation "no_such_table" does not exist (SQLSTATE 42P01)'),
        ("select data, 1 from dead_letters", "permission denied for table dead_letters (SQLSTATE 42501)"),
        ("delete from quality_results", "DELETE is not allowed in a non-volatile function (SQLSTATE 0A000)"),
        ("select 'jane@example.org'::text::int, 1", "InvalidTextRepresentation (SQLSTATE 22P02)"),
        ("select 1 / 0, 1", "DivisionByZero (SQLSTATE 22012)"),
    ],
)  # fmt: skip
def test_a_rule_that_fails_says_why_and_stops_no_other(
    logins: Logins, caplog: pytest.LogCaptureFixture, query: str, failure: str
) -> None:
    at = half_past()
    write(logins.sink, sound(at), [*clicks(at, 200, first=CLICKS, is_bot=True)])
    logins.owner.execute(ADD_RULE, [query])
    with caplog.at_level(logging.WARNING, "runtime.analytics.quality"):
        assert evaluate(logins.refresher) == {"robot_clicks"}
    states = logins.analyst.execute("select distinct state, failure from data_quality where rule = 'mine'")
    assert states.fetchall() == [("failed", failure)]
    reported = [vars(record)["breach"] for record in caplog.records]
    assert {(breach["rule"], breach["state"]) for breach in reported} == {
        ("mine", "failed"),
        ("robot_clicks", "breached"),
    }
    assert "jane@" not in json.dumps(reported)
    logins.owner.execute("update quality_rules set query = 'select 0, 1' where name = 'mine'")
    evaluate(logins.refresher)
    states = logins.analyst.execute("select state from data_quality where rule = 'mine' order by hour desc limit 1")
    assert states.fetchall() == [("sound",)]


def test_a_rule_that_takes_too_long_fails(logins: Logins, monkeypatch: pytest.MonkeyPatch) -> None:
    statements = "runtime.analytics.quality.statements.LIMIT_RULES"
    monkeypatch.setattr(statements, "set local statement_timeout = '1s'")
    logins.owner.execute(ADD_RULE, ["select 0, 1 from pg_sleep(5)"])
    evaluate(logins.refresher)
    failures = logins.analyst.execute("select distinct failure from data_quality where state = 'failed'")
    assert failures.fetchall() == [("canceling statement due to statement timeout (SQLSTATE 57014)",)]


def test_a_disabled_rule_is_neither_evaluated_nor_shown(logins: Logins) -> None:
    evaluate(logins.refresher, NOW)
    logins.owner.execute("update quality_rules set is_enabled = false where name = 'robot_clicks'")
    evaluate(logins.refresher, NOW + HOUR)
    assert len(hours(logins.owner)) == 24
    shown = logins.analyst.execute("select count(*) from data_quality where rule = 'robot_clicks'")
    assert shown.fetchall() == [(0,)]


def test_a_refresh_evaluates_the_rules(logins: Logins) -> None:
    assert module.refresh(logins.refresher).failed == ()
    assert len(hours(logins.owner)) == 24


def test_nothing_of_a_person_is_in_the_results(logins: Logins) -> None:
    at = half_past()
    write(logins.sink, sound(at), [*refused(at, 20)])
    evaluate(logins.refresher)
    shown = str(results(logins.owner))
    assert "user_id: missing" in shown
    assert "jane@example.org" not in shown
    assert "u1'" not in shown


@pytest.mark.parametrize("table", ["quality_rules", "quality_results"])
@pytest.mark.parametrize("role", ["pipeline_writer", "pipeline_analyst", "pipeline_analytics"])
def test_the_owner_alone_changes_rules_and_the_refresh_alone_results(
    migrated: psycopg.Connection, role: str, table: str
) -> None:
    allowed = migrated.execute("select has_table_privilege(%s, %s, 'insert, update, delete')", [role, table]).fetchone()
    assert allowed == ((role, table) == ("pipeline_analytics", "quality_results"),)


def test_the_analyst_reads_the_view_and_not_the_reasons(logins: Logins) -> None:
    logins.analyst.execute("select from data_quality")
    for statement in ("select from refusal_reasons", "select * from evaluate_quality('robot_clicks', now(), now())"):
        with pytest.raises(errors.InsufficientPrivilege):
            logins.analyst.execute(statement.encode())


def test_every_column_has_a_definition(migrated: psycopg.Connection) -> None:
    missing = migrated.execute(
        """
        select c.relname, a.attname
          from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum >= 0
         where c.relname in ('data_quality', 'quality_rules', 'quality_results', 'refusal_reasons')
           and col_description(c.oid, a.attnum) is null
        """
    )
    assert missing.fetchall() == []


def test_hours_are_those_of_utc_in_every_time_zone(logins: Logins) -> None:
    with logins.refresher.transaction(), logins.refresher.cursor() as cursor:
        cursor.execute("set local timezone = 'Asia/Kolkata'")
        refresh_quality(cursor, NOW)
    assert hours(logins.owner)[-1] == NOW.replace(minute=0)
