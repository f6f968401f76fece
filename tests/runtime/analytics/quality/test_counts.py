"""The sums by minute that the rules read: each event counts once, and a revised order as it is now."""

from datetime import timedelta
from typing import Any

import psycopg

from local.servers.postgres import Server
from runtime.database.migrate import migrate, read_migrations
from tests.runtime.analytics.conftest import Logins
from tests.runtime.analytics.quality.shop import (
    CHECKOUTS,
    CLICKS,
    DAY,
    checkouts,
    clicks,
    evaluate,
    half_past,
    sound,
    write,
)

BEFORE_COUNTS = read_migrations()[:26]
READ_RAW = "select name from quality_rules where query ~ 'raw_(clicks|checkouts) *where' order by name"
INSERT_CLICK = "insert into raw_clicks (click_id, user_id, click_timestamp, arrived_at) values (%s, 'u', %s, %s)"


KINDS = ("click", "checkout")


def clicks_counted(connection: psycopg.Connection) -> int:
    ((count,),) = connection.execute("select coalesce(sum(clicks), 0)::int from click_counts").fetchall()
    return int(count)


def counts(connection: psycopg.Connection) -> list[list[Any]]:
    return [connection.execute(f"select * from {name}_counts order by 1".encode()).fetchall() for name in KINDS]


def test_new_late_and_repeated_events_count_once(logins: Logins) -> None:
    at = half_past()
    for rows in (sound(at), [*clicks(at, 30, first=CLICKS - 10)], [*clicks(at - timedelta(hours=3), 7, first=900)]):
        write(logins.sink, [*rows])
        evaluate(logins.refresher)
    assert clicks_counted(logins.owner) == CLICKS + 20 + 7
    incremental = counts(logins.owner)
    logins.owner.execute("update quality_state set counted = null")
    evaluate(logins.refresher)
    assert counts(logins.owner) == incremental


def test_events_of_a_transaction_that_ends_after_a_refresh_count_in_the_next_one(
    logins: Logins, postgres: Server, database: str
) -> None:
    at = half_past()
    with psycopg.connect(postgres.url(database)) as slow, psycopg.connect(postgres.url(database)) as fast:
        slow.execute(INSERT_CLICK, ["slow", at, at])
        fast.execute(INSERT_CLICK, ["fast", at, at])
        fast.commit()
        evaluate(logins.refresher)
        assert clicks_counted(logins.owner) == 1
        slow.commit()
    for _ in range(2):
        evaluate(logins.refresher)
        assert clicks_counted(logins.owner) == 2


def test_a_revised_order_counts_as_it_is_now(logins: Logins) -> None:
    query = "select sum(checkouts)::int, sum(paid)::int, sum(free)::int from checkout_counts"
    at = half_past()
    write(logins.sink, [*clicks(at), *checkouts(at)])
    evaluate(logins.refresher)
    free = checkouts(at, 5, total_amount="0", revision=1)
    write(logins.sink, [*free, *checkouts(at, 3, first=50, test=True, revision=1)])
    evaluate(logins.refresher)
    assert logins.owner.execute(query).fetchall() == [(CHECKOUTS, CHECKOUTS - 3, 5)]


def test_counts_are_kept_for_15_days(logins: Logins) -> None:
    at = half_past()
    write(logins.sink, [*clicks(at)])
    evaluate(logins.refresher)
    evaluate(logins.refresher, at + timedelta(days=16))
    assert counts(logins.owner) == [[], []]


def test_a_database_that_was_copied_is_counted_anew(logins: Logins) -> None:
    write(logins.sink, [*clicks(half_past())])
    logins.owner.execute("update quality_state set counted = '9000000000:9000000000:'")
    evaluate(logins.refresher)
    assert clicks_counted(logins.owner) == CLICKS


def test_a_rule_that_its_owner_has_changed_keeps_its_query(empty_database: psycopg.Connection) -> None:
    migrate(empty_database, BEFORE_COUNTS)
    empty_database.execute("update quality_rules set query = query || ' and is_bot' where name = 'robot_clicks'")
    former = empty_database.execute("select query from quality_rules where name = 'robot_clicks'").fetchall()
    migrate(empty_database)
    assert empty_database.execute("select query from quality_rules where name = 'robot_clicks'").fetchall() == former
    assert empty_database.execute(READ_RAW).fetchall() == [("robot_clicks",)]


def test_a_minute_is_missed_when_it_is_over(logins: Logins) -> None:
    hour = half_past().replace(minute=0)
    write(logins.sink, [*clicks(hour - DAY + timedelta(seconds=10))])
    assert evaluate(logins.refresher, hour + timedelta(seconds=59)) == set()
    assert evaluate(logins.refresher, hour + timedelta(seconds=60)) == {"clicks_missing"}
