"""The part `anomalies` of a refresh: its sums, its findings over time, and who may read them."""

import logging
from datetime import UTC, datetime, timedelta
from typing import LiteralString

import psycopg
import pytest
from psycopg import errors

from runtime.analytics import refresh as module
from runtime.analytics.anomalies.refreshing import refresh_anomalies
from tests.oracle import Checkout, Click
from tests.runtime.analytics.anomalies.stored_shop import STEP, contents, detect, findings, send
from tests.runtime.analytics.conftest import Logins
from tests.runtime.attribution_job.sink.rows import dead_letter_row, event_row, table

MONDAY = datetime(2026, 11, 2, tzinfo=UTC)
OUTAGE = MONDAY + timedelta(days=24, hours=10)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
GRACE = timedelta(minutes=5)
COUNTED: LiteralString = """
select coalesce(sum(clicks), 0)::int, coalesce(sum(checkouts), 0)::int, coalesce(sum(priced), 0)::int,
       coalesce(sum(revenue), 0)::float
  from channel_steps
"""


@pytest.fixture
def shop(logins: Logins) -> Logins:
    """A shop that has sent events for 24 days and ten hours, and is judged until then."""
    send(logins.owner, MONDAY, OUTAGE)
    detect(logins.refresher, OUTAGE + GRACE)
    return logins


def test_a_quiet_shop_has_expected_ranges_and_no_finding(shop: Logins) -> None:
    assert findings(shop.analyst) == []
    ranges = shop.analyst.execute(
        """
        select min(hour), max(hour), bool_and(observed between expected_low and expected_high), count(distinct series)
          from expected_ranges
        """
    ).fetchone()
    assert ranges is not None
    first, last, is_within, series = ranges
    assert (first.astimezone(UTC), last.astimezone(UTC)) == (MONDAY + 21 * DAY, OUTAGE - HOUR)
    assert is_within
    assert series >= 4


def test_an_outage_is_one_finding_that_ends_with_it(shop: Logins, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "runtime.analytics.anomalies"):
        for steps in (3, 6):
            detect(shop.refresher, OUTAGE + GRACE + steps * STEP)
    found = findings(shop.analyst)
    assert {row[0] for row in found} == {"clicks", "clicks, Direct", "clicks, Email"}
    assert OUTAGE in {row[1].astimezone(UTC) for row in found}
    assert all(row[1].astimezone(UTC) <= OUTAGE + STEP and row[2] is None for row in found)
    assert [vars(record)["finding"]["series"] for record in caplog.records].count("clicks") == 1
    end = OUTAGE + HOUR
    send(shop.owner, end, end + HOUR)
    detect(shop.refresher, end + HOUR + GRACE)
    over = findings(shop.analyst)
    assert [(row[0], row[1], row[4]) for row in over] == [(row[0], row[1], row[4]) for row in found]
    assert all(row[2].astimezone(UTC) <= end + 2 * STEP for row in over)


def test_a_total_failure_is_found_when_its_first_steps_are_complete(shop: Logins) -> None:
    detect(shop.refresher, OUTAGE + GRACE + timedelta(minutes=4, seconds=59))
    assert findings(shop.analyst) == []
    detect(shop.refresher, OUTAGE + GRACE + timedelta(minutes=15))
    assert "clicks" in {row[0] for row in findings(shop.analyst)}


def test_a_repeated_refresh_changes_nothing(shop: Logins) -> None:
    now = OUTAGE + HOUR
    detect(shop.refresher, now)
    first = contents(shop.owner)
    assert first[2]
    detect(shop.refresher, now)
    shop.owner.execute("update anomaly_state set judged_until = judged_until - interval '5 minutes'")
    detect(shop.refresher, now)
    shop.owner.execute("update anomaly_state set horizon = null")
    detect(shop.refresher, now)
    assert contents(shop.owner) == first


def test_a_shop_that_has_stopped_is_one_finding_for_three_weeks_at_most(shop: Logins) -> None:
    for days in (9, 25):
        detect(shop.refresher, OUTAGE + days * DAY)
    found = findings(shop.analyst)
    assert [row[0] for row in found] == ["clicks", "clicks, Direct", "clicks, Email"]
    assert all(row[1].astimezone(UTC) <= OUTAGE + STEP for row in found)
    assert all(row[2] is not None and row[2].astimezone(UTC) <= OUTAGE + 21 * DAY for row in found)


def test_a_shop_with_little_history_has_no_finding(logins: Logins) -> None:
    send(logins.owner, OUTAGE - 20 * DAY, OUTAGE)
    detect(logins.refresher, OUTAGE + HOUR)
    assert findings(logins.analyst) == []


def test_a_shop_without_events_has_no_finding(logins: Logins) -> None:
    detect(logins.refresher, OUTAGE)
    detect(logins.refresher, OUTAGE + 60 * DAY)
    assert [rows for rows in contents(logins.owner) if rows] == []


def test_late_events_end_a_finding_that_they_explain(shop: Logins) -> None:
    detect(shop.refresher, OUTAGE + HOUR)
    assert None in {row[2] for row in findings(shop.analyst)}
    send(shop.owner, OUTAGE, OUTAGE + 2 * HOUR)
    detect(shop.refresher, OUTAGE + 2 * HOUR)
    assert None not in {row[2] for row in findings(shop.analyst)}


def test_sums_follow_new_late_and_revised_events(logins: Logins) -> None:
    noon = OUTAGE.replace(hour=12)
    now = noon + HOUR

    def write(batch: int, *rows: dict[str, object]) -> tuple[int, int, int, float]:
        query_id = "00000000-0000-0000-0000-000000000001"
        logins.sink.write(table(*rows), query_id=query_id, batch_id=batch)
        module.refresh(logins.refresher)
        logins.owner.execute("update anomaly_state set judged_until = null")
        detect(logins.refresher, now)
        counted = logins.owner.execute(COUNTED).fetchone()
        assert counted is not None
        return counted

    click = event_row(Click(noon, "c1", "u1"), sequence=1)
    checkout = Checkout(noon + STEP, "k1", "u1", "10.00")
    assert write(0, click, event_row(checkout, sequence=2)) == (1, 1, 1, 10.0)
    late = event_row(Click(noon - 2 * HOUR, "c2", "u2"), sequence=3)
    robot = event_row(Click(noon, "c3", "u3", True), sequence=4)
    abroad = event_row(Checkout(noon, "k2", "u4", "5.00", "USD"), sequence=5)
    assert write(1, late, robot, abroad) == (2, 2, 1, 10.0)
    revised = event_row(Checkout(noon + STEP, "k1", "u1", "8.00", revision=2), sequence=6)
    assert write(2, revised) == (2, 2, 1, 8.0)
    channels = logins.owner.execute("select channel, checkouts from channel_steps where checkouts > 0 order by 1")
    assert channels.fetchall() == [("(unattributed)", 1), ("Direct", 1)]


def test_batches_are_counted_with_their_refusals(logins: Logins) -> None:
    now = datetime.now(UTC)
    rows = [event_row(Click(now, f"c{n}", "u"), sequence=n) for n in range(3)]
    logins.sink.write(
        table(*rows, dead_letter_row(9, "invalid_json", b"{", now)),
        query_id="00000000-0000-0000-0000-000000000001",
        batch_id=0,
    )
    detect(logins.refresher, now + HOUR)
    counted = logins.owner.execute("select events, late, dead_letters from batch_steps where events > 0").fetchall()
    assert counted == [(3, 0, 1)]


def test_the_time_zone_does_not_matter(shop: Logins) -> None:
    first = contents(shop.owner)
    for relation in ("channel_steps", "expected_ranges"):
        shop.owner.execute(f"truncate {relation}".encode())
    shop.owner.execute("update anomaly_state set horizon = null, judged_until = null")
    with shop.refresher.transaction(), shop.refresher.cursor() as cursor:
        cursor.execute("set local timezone = 'Asia/Kolkata'")
        refresh_anomalies(cursor, OUTAGE + GRACE)
    assert contents(shop.owner) == first


def test_a_refresh_looks_for_anomalies(logins: Logins) -> None:
    assert module.refresh(logins.refresher).failed == ()
    (judged_until,) = logins.owner.execute("select judged_until from anomaly_state").fetchone() or (None,)
    assert judged_until is not None


@pytest.mark.parametrize("relation", ["channel_steps", "batch_steps", "anomaly_findings", "anomaly_state"])
def test_the_analyst_reads_the_views_only(logins: Logins, relation: str) -> None:
    logins.analyst.execute("select from anomalies")
    logins.analyst.execute("select from expected_ranges")
    with pytest.raises(errors.InsufficientPrivilege):
        logins.analyst.execute(f"select from {relation}".encode())


def test_no_table_of_the_part_has_a_column_of_a_person(migrated: psycopg.Connection) -> None:
    columns = migrated.execute(
        """
        select attname from pg_attribute
         where attrelid = any('{channel_steps,batch_steps,anomaly_findings,expected_ranges}'::regclass[]) and attnum > 0
           and atttypid in ('text'::regtype, 'jsonb'::regtype, 'bytea'::regtype)
        """
    ).fetchall()
    assert {name for (name,) in columns} == {"channel", "series", "detector", "severity"}
