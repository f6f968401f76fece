"""The SQL form of the attribution rule, on PostgreSQL, compared with the oracle."""

from datetime import UTC, datetime, timedelta

import psycopg
from hypothesis import HealthCheck, given, settings

from tests.oracle import Checkout, Click, first_clicks
from tests.strategies import shop

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def store(connection: psycopg.Connection, clicks: list[Click], checkouts: list[Checkout]) -> None:
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute("truncate raw_clicks, raw_checkouts, attributed_checkouts")
        cursor.executemany(
            "insert into raw_clicks (click_id, user_id, click_timestamp, arrived_at, late)"
            " values (%s, %s, %s, now(), false)",
            [(click.click_id, click.user_id, click.click_timestamp) for click in clicks],
        )
        cursor.executemany(
            "insert into raw_checkouts (checkout_id, user_id, total_amount, currency, checkout_timestamp, arrived_at,"
            " late) values (%s, %s, 1, 'EUR', %s, now(), false)",
            [(checkout.checkout_id, checkout.user_id, checkout.checkout_timestamp) for checkout in checkouts],
        )
        cursor.execute(
            "insert into attributed_checkouts (checkout_id, user_id, checkout_timestamp, total_amount, currency)"
            " select checkout_id, user_id, checkout_timestamp, total_amount, currency from raw_checkouts"
        )


def credits(connection: psycopg.Connection) -> dict[str, str | None]:
    return dict(connection.execute("select checkout_id, click_id from attributed_checkouts").fetchall())


def reattribute(connection: psycopg.Connection, start: datetime | str, end: datetime | str) -> int:
    row = connection.execute("select reattribute(%s, %s)", [start, end]).fetchone()
    assert row is not None
    return int(row[0])


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(events=shop())
def test_reattribute_credits_match_the_oracle(
    migrated: psycopg.Connection, events: tuple[list[Click], list[Checkout]]
) -> None:
    clicks, checkouts = events
    store(migrated, clicks, checkouts)
    reattribute(migrated, "-infinity", "infinity")
    assert credits(migrated) == first_clicks(clicks, checkouts)


def test_reattribute_is_idempotent(migrated: psycopg.Connection) -> None:
    store(migrated, [Click(NOON, "c", "u")], [Checkout(NOON, "k", "u")])
    assert reattribute(migrated, NOON, NOON) == 1
    assert reattribute(migrated, NOON, NOON) == 0


def test_reattribute_changes_only_its_time_range_with_both_ends(migrated: psycopg.Connection) -> None:
    hours = [NOON + timedelta(hours=hour) for hour in range(4)]
    store(
        migrated,
        [Click(at, f"c{i}", "u") for i, at in enumerate(hours)],
        [Checkout(at + timedelta(minutes=1), f"k{i}", "u") for i, at in enumerate(hours)],
    )
    assert reattribute(migrated, hours[1] + timedelta(minutes=1), hours[2] + timedelta(minutes=1)) == 2
    assert credits(migrated) == {"k0": None, "k1": "c1", "k2": "c2", "k3": None}


def test_a_later_click_never_replaces_an_earlier_one(migrated: psycopg.Connection) -> None:
    store(migrated, [Click(NOON, "later", "u")], [Checkout(NOON, "k", "u")])
    earlier = NOON - timedelta(minutes=1)
    migrated.execute("update attributed_checkouts set click_id = 'earlier', click_timestamp = %s", [earlier])
    assert reattribute(migrated, NOON, NOON) == 0
    assert credits(migrated) == {"k": "earlier"}
