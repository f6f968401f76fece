"""Robots' clicks: stored, and neither credited nor counted as visits."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg

from runtime.attribution_job.sink.postgres import PostgresSink
from tests.oracle import Checkout, Click
from tests.runtime.attribution_job.conftest import Sinks, credits
from tests.runtime.attribution_job.sink.rows import candidate_row, checkout_row, click_row, table

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
QUERY = str(uuid4())
ROBOT, PERSON = Click(NOON, "robot", "u", is_bot=True), Click(NOON + MINUTE, "person", "u")
CHECKOUT = Checkout(NOON + 2 * MINUTE, "k", "u")


def test_a_persons_click_is_credited_although_a_robots_click_is_earlier(
    sink: PostgresSink, migrated: psycopg.Connection
) -> None:
    rows = table(click_row(ROBOT), click_row(PERSON), checkout_row(CHECKOUT), candidate_row(CHECKOUT, PERSON))
    assert sink.write(rows, query_id=QUERY, batch_id=0).clicks == 2
    assert credits(migrated) == {"k": "person"}
    stored = migrated.execute("select click_id, is_bot from raw_clicks order by 1").fetchall()
    assert stored == [("person", False), ("robot", True)]


def test_a_robot_is_no_user(sink: PostgresSink, migrated: psycopg.Connection) -> None:
    other_robot = Click(NOON, "other", "robot", is_bot=True)
    sink.write(table(click_row(ROBOT), click_row(PERSON), click_row(other_robot)), query_id=QUERY, batch_id=0)
    users = migrated.execute("select user_id, first_click_id, first_seen from users").fetchall()
    assert users == [("u", "person", NOON + MINUTE)]


def test_a_candidate_that_is_a_robot_is_not_credited(sinks: Sinks, migrated: psycopg.Connection) -> None:
    rows = table(click_row(ROBOT), checkout_row(CHECKOUT), candidate_row(CHECKOUT, ROBOT))
    sinks.for_join("spark").write(rows, query_id=QUERY, batch_id=0)
    assert credits(migrated) == {"k": None}


def test_a_robots_late_click_is_not_credited(sink: PostgresSink, migrated: psycopg.Connection) -> None:
    sink.write(table(checkout_row(CHECKOUT)), query_id=QUERY, batch_id=0)
    ahead = NOON + 60 * MINUTE
    rows = table(click_row(Click(ahead, "x", "nobody")), checkout_row(Checkout(ahead, "x", "nobody")))
    sink.write(rows, query_id=QUERY, batch_id=1)
    assert sink.write(table(click_row(ROBOT)), query_id=QUERY, batch_id=2).late == 1
    sink.write(table(checkout_row(Checkout(NOON + MINUTE, "late", "u"))), query_id=QUERY, batch_id=3)
    migrated.execute("select reattribute('-infinity', 'infinity')")
    assert credits(migrated) == {"k": None, "late": None, "x": "x"}
