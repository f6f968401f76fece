import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, get_args
from uuid import uuid4

import psycopg
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runtime.attribution_job.join.rule import Join
from runtime.attribution_job.sink.postgres import PostgresSink, SinkClosedError, oldest_arrival
from runtime.attribution_job.sink.transaction import BatchCounts
from tests.oracle import Checkout, Click, first_clicks
from tests.runtime.attribution_job.conftest import TRUNCATE, Shifts, credits
from tests.runtime.attribution_job.join.streaming_join import StreamingJoin
from tests.runtime.attribution_job.sink.rows import candidate_row, checkout_row, click_row, dead_letter_row, table
from tests.strategies import shop
from tests.waiting import wait_until

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
QUERY = str(uuid4())
TABLES = ["raw_clicks", "raw_checkouts", "attributed_checkouts", "users", "dead_letters"]


def everything(connection: psycopg.Connection) -> dict[str, list[Any]]:
    """All tables, without the columns that tell when they were written."""
    written = "- 'ingested_at' - 'updated_at' - 'late'"
    return {
        name: connection.execute(f"select to_jsonb(t) {written} from {name} t order by 1".encode()).fetchall()
        for name in TABLES
    }


def test_every_checkout_has_its_row_at_once_credited_or_not(sink: PostgresSink, migrated: psycopg.Connection) -> None:
    click, credited, alone = Click(NOON, "c", "u"), Checkout(NOON, "k1", "u"), Checkout(NOON, "k2", "v")
    counts = sink.write(
        table(click_row(click), checkout_row(credited), checkout_row(alone), candidate_row(credited, click)),
        query_id=QUERY,
        batch_id=0,
    )
    assert credits(migrated) == {"k1": "c", "k2": None}
    assert counts == BatchCounts(
        clicks=1, checkouts=2, dead_letters=0, credits=1, late=0, duplicates=0, unknown_fields=0, watermark=EPOCH
    )


def test_a_click_that_comes_after_its_checkout_is_credited(sink: PostgresSink, migrated: psycopg.Connection) -> None:
    click, checkout = Click(NOON, "c", "u"), Checkout(NOON + MINUTE, "k", "u")
    sink.write(table(checkout_row(checkout)), query_id=QUERY, batch_id=0)
    sink.write(table(click_row(click), candidate_row(checkout, click)), query_id=QUERY, batch_id=1)
    assert credits(migrated) == {"k": "c"}


@pytest.mark.parametrize("order", [("early", "late"), ("late", "early")])
def test_the_earliest_click_wins_in_whatever_order_credits_come(
    sink: PostgresSink, migrated: psycopg.Connection, order: tuple[str, str]
) -> None:
    clicks = {"early": Click(NOON, "z", "u"), "late": Click(NOON + MINUTE, "a", "u")}
    checkout = Checkout(NOON + MINUTE, "k", "u")
    sink.write(table(checkout_row(checkout)), query_id=QUERY, batch_id=0)
    for batch_id, name in enumerate(order, start=1):
        rows = table(click_row(clicks[name]), candidate_row(checkout, clicks[name]))
        sink.write(rows, query_id=QUERY, batch_id=batch_id)
    assert credits(migrated) == {"k": "z"}


def move_watermark_to(sink: PostgresSink, at: datetime) -> None:
    ahead = at + 5 * MINUTE
    rows = table(click_row(Click(ahead, "ahead", "nobody")), checkout_row(Checkout(ahead, "ahead", "nobody")))
    sink.write(rows, query_id=QUERY, batch_id=0)


def test_a_late_click_still_wins(sink: PostgresSink, migrated: psycopg.Connection) -> None:
    move_watermark_to(sink, NOON + 40 * MINUTE)
    seen, checkout = Click(NOON + 41 * MINUTE, "seen", "u"), Checkout(NOON + 42 * MINUTE, "k", "u")
    rows = table(click_row(seen), checkout_row(checkout), candidate_row(checkout, seen))
    sink.write(rows, query_id=QUERY, batch_id=1)
    counts = sink.write(table(click_row(Click(NOON, "late", "u"))), query_id=QUERY, batch_id=2)
    assert credits(migrated)["k"] == "late"
    assert counts.late == 1
    assert counts.credits == 1


def test_a_late_click_is_found_by_a_checkout_that_comes_after_it(
    sink: PostgresSink, migrated: psycopg.Connection
) -> None:
    move_watermark_to(sink, NOON + 40 * MINUTE)
    sink.write(table(click_row(Click(NOON, "late", "u"))), query_id=QUERY, batch_id=1)
    sink.write(table(checkout_row(Checkout(NOON + 50 * MINUTE, "k", "u"))), query_id=QUERY, batch_id=2)
    assert credits(migrated)["k"] == "late"


def test_a_click_that_another_query_had_in_time_is_late_for_this_one(
    shifts: Shifts, migrated: psycopg.Connection
) -> None:
    """Spark's join, begun anew, drops it; a checkout that comes later must find it all the same."""
    click, checkout = Click(NOON, "c", "u"), Checkout(NOON + 50 * MINUTE, "k", "u")
    shifts.sink("postgres").write(table(click_row(click)), query_id=str(uuid4()), batch_id=0)
    sink = shifts.sink("spark")
    move_watermark_to(sink, NOON + 40 * MINUTE)
    assert sink.write(table(click_row(click)), query_id=QUERY, batch_id=1).late == 0
    sink.write(table(checkout_row(checkout)), query_id=QUERY, batch_id=2)
    assert credits(migrated)["k"] == "c"


def test_a_late_checkout_finds_its_click(sink: PostgresSink, migrated: psycopg.Connection) -> None:
    sink.write(table(click_row(Click(NOON, "c", "u"))), query_id=QUERY, batch_id=0)
    ahead = NOON + 60 * MINUTE
    rows = table(click_row(Click(ahead, "x", "nobody")), checkout_row(Checkout(ahead, "x", "nobody")))
    sink.write(rows, query_id=QUERY, batch_id=1)
    counts = sink.write(table(checkout_row(Checkout(NOON + MINUTE, "k", "u"))), query_id=QUERY, batch_id=2)
    assert counts.late == 1
    assert credits(migrated)["k"] == "c"


def test_one_idle_stream_holds_the_watermark(sink: PostgresSink) -> None:
    sink.write(table(click_row(Click(NOON, "a", "u"))), query_id=QUERY, batch_id=0)
    counts = sink.write(table(click_row(Click(NOON - 60 * MINUTE, "b", "u"))), query_id=QUERY, batch_id=1)
    assert counts.late == 0


def test_a_repeated_batch_changes_nothing_and_adds_up(sink: PostgresSink, migrated: psycopg.Connection) -> None:
    click, checkout = Click(NOON, "c", "u"), Checkout(NOON, "k", "u")
    rows = table(
        click_row(click),
        checkout_row(checkout),
        candidate_row(checkout, click),
        dead_letter_row(1, "no", b"\0\xff", NOON),
    )
    sink.write(rows, query_id=QUERY, batch_id=0)
    before = everything(migrated)
    again = sink.write(rows, query_id=QUERY, batch_id=0)
    assert everything(migrated) == before
    assert again == BatchCounts(
        clicks=0, checkouts=0, dead_letters=0, credits=0, late=0, duplicates=2, unknown_fields=0, watermark=EPOCH
    )
    assert migrated.execute("select clicks, checkouts, dead_letters, credits from batches").fetchall() == [(1, 1, 1, 1)]


def test_the_oldest_arrival_of_a_batch_is_found_among_all_kinds_of_rows() -> None:
    rows = table(
        click_row(Click(NOON, "c", "u")),
        checkout_row(Checkout(NOON + MINUTE, "k", "u")),
        dead_letter_row(1, "no", b"", NOON - MINUTE),
    )
    assert oldest_arrival(rows) == NOON - MINUTE
    assert oldest_arrival(table()) is None


def test_a_dead_letter_keeps_its_bytes(sink: PostgresSink, migrated: psycopg.Connection) -> None:
    data = bytes(range(256))
    sink.write(table(dead_letter_row(7, "not UTF-8", data, NOON)), query_id=QUERY, batch_id=0)
    row = migrated.execute("select stream_name, sequence_number, reason, data, arrived_at from dead_letters")
    assert row.fetchall() == [("clicks", "7", "not UTF-8", data, NOON)]


def test_text_arrives_as_it_was_sent(sink: PostgresSink, migrated: psycopg.Connection) -> None:
    odd = 'a,"b"\r\n\\N \\. \t; drop table users --ü€😀'
    sink.write(table(click_row(Click(NOON, "c", "u"), session_id=odd, utm_source="")), query_id=QUERY, batch_id=0)
    assert migrated.execute("select session_id, utm_source, page_url from raw_clicks").fetchall() == [(odd, "", None)]


def test_rows_arrive_as_they_were_sent_in_however_many_chunks(sink: PostgresSink, migrated: psycopg.Connection) -> None:
    one, other = (table(click_row(Click(NOON, name, "u"))) for name in ("one", "other"))
    rows = one | {"click": pa.concat_tables([one["click"].slice(0, 0), one["click"], other["click"]])}
    sink.write(rows, query_id=QUERY, batch_id=0)
    stored = migrated.execute("select click_id, user_id from raw_clicks order by 1").fetchall()
    assert stored == [("one", "u"), ("other", "u")]


@pytest.mark.parametrize("later", [-MINUTE, MINUTE], ids=["earlier", "later than all that is known"])
def test_under_one_id_the_first_event_stands_and_the_log_names_the_other(
    sink: PostgresSink, migrated: psycopg.Connection, caplog: pytest.LogCaptureFixture, later: timedelta
) -> None:
    first, twin = Click(NOON, "c", "u"), Click(NOON + later, "c", "v")
    checkout = Checkout(NOON + MINUTE, "k", "v")
    sink.write(table(click_row(first)), query_id=QUERY, batch_id=0)
    counts = sink.write(
        table(click_row(twin), checkout_row(checkout), candidate_row(checkout, twin)),
        query_id=QUERY,
        batch_id=1,
    )
    assert (counts.clicks, counts.duplicates) == (0, 1)
    assert migrated.execute("select user_id from raw_clicks").fetchall() == [("u",)]
    assert credits(migrated) == {"k": None}
    assert "other content" in caplog.text
    assert "Retrying" not in caplog.text


def test_users_sum_up_what_their_events_say(sink: PostgresSink, migrated: psycopg.Connection) -> None:
    batches = [
        [click_row(Click(NOON, "b", "u"), utm_source="mail", device_type="phone")],
        [checkout_row(Checkout(NOON + 2 * MINUTE, "k1", "u"), amount="10.10")],
        [click_row(Click(NOON, "a", "u"), utm_source="ads", device_type="tablet")],
        [checkout_row(Checkout(NOON - MINUTE, "k2", "u"), amount="0.90")],
    ]
    for batch_id, rows in enumerate(batches):
        sink.write(table(*rows), query_id=QUERY, batch_id=batch_id)
    columns = "first_seen, last_seen, first_utm_source, last_device, order_count, lifetime_value"
    assert migrated.execute(f"select {columns} from users".encode()).fetchall() == [
        (NOON - MINUTE, NOON + 2 * MINUTE, "ads", "phone", 2, Decimal("11.00"))
    ]


def test_a_broken_connection_is_replaced_and_the_batch_written(
    sink: PostgresSink, migrated: psycopg.Connection
) -> None:
    sink.write(table(click_row(Click(NOON, "a", "u"))), query_id=QUERY, batch_id=0)
    migrated.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where pid <> pg_backend_pid() and datname = current_database()"
    )
    assert sink.write(table(click_row(Click(NOON, "b", "u"))), query_id=QUERY, batch_id=1).clicks == 1


def test_a_batch_that_the_server_refuses_is_not_tried_again_and_leaves_nothing(
    sink: PostgresSink, migrated: psycopg.Connection
) -> None:
    poison = checkout_row(Checkout(NOON, "k", "u"), amount="99999999999.99")
    with pytest.raises(psycopg.errors.NumericValueOutOfRange):
        sink.write(table(click_row(Click(NOON, "c", "u")), poison), query_id=QUERY, batch_id=0)
    assert all(rows == [] for rows in everything(migrated).values())


def test_a_click_that_somebody_else_stores_at_the_same_time_is_a_duplicate(
    sink: PostgresSink, migrated: psycopg.Connection
) -> None:
    """It is not there when the sink looks for it, and is in the way of its COPY."""
    with ThreadPoolExecutor() as threads:
        with migrated.transaction():
            migrated.execute(
                "insert into raw_clicks (click_id, user_id, click_timestamp, arrived_at, late)"
                " values ('c', 'u', %(noon)s, %(noon)s, false)",
                {"noon": NOON},
            )
            rows = table(click_row(Click(NOON, "c", "u")), click_row(Click(NOON, "d", "u")))
            written = threads.submit(sink.write, rows, query_id=QUERY, batch_id=0)
            waiting = "select from pg_locks where not granted and pg_backend_pid() = any (pg_blocking_pids(pid))"
            wait_until(lambda: migrated.execute(waiting).fetchall(), "the sink waits")
        counts = written.result()
    assert (counts.clicks, counts.duplicates) == (1, 1)
    assert migrated.execute("select click_id from raw_clicks order by 1").fetchall() == [("c",), ("d",)]


def test_an_unreachable_server_is_given_up_after_the_retry_time() -> None:
    def refuse() -> psycopg.Connection:
        raise psycopg.OperationalError("refused")

    with pytest.raises(psycopg.OperationalError, match="refused"):
        PostgresSink(refuse, "spark", retry_seconds=0.2).write(table(), query_id=QUERY, batch_id=0)


def test_closing_ends_the_wait_for_an_unreachable_server() -> None:
    def refuse() -> psycopg.Connection:
        threading.Timer(0.2, sink.close).start()
        raise psycopg.OperationalError("refused")

    sink = PostgresSink(refuse, "spark", retry_seconds=60)
    began = time.monotonic()
    with pytest.raises(psycopg.OperationalError, match="refused"):
        sink.write(table(), query_id=QUERY, batch_id=0)
    assert time.monotonic() - began < 30


def test_a_closed_sink_takes_no_batch(sink: PostgresSink) -> None:
    sink.close()
    with pytest.raises(SinkClosedError, match="batch 3"):
        sink.write(table(), query_id=QUERY, batch_id=3)


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[list[Click], list[Checkout], list[list[Click | Checkout]]]:
    """A shop's events, some of them twice, in any order, cut into batches."""
    clicks, checkouts = draw(shop(most=8))
    events: list[Click | Checkout] = [*clicks, *checkouts]
    twins = draw(st.lists(st.sampled_from(events), max_size=4)) if events else []
    stream = draw(st.permutations([*events, *twins]))
    batches: list[list[Click | Checkout]] = [[]]
    for event in stream:
        if draw(st.integers(0, 2)) == 0:
            batches.append([])
        batches[-1].append(event)
    return clicks, checkouts, batches


def deliver(sink: Callable[[], PostgresSink], batches: list[list[Click | Checkout]]) -> Iterator[None]:
    """Writes the batches of one query, with what Spark's join would add, and pauses after each."""
    query_id, join = str(uuid4()), StreamingJoin()
    for batch_id, events in enumerate(batches):
        rows = [click_row(e) if isinstance(e, Click) else checkout_row(e) for e in events] + join.batch(events)
        sink().write(table(*rows), query_id=query_id, batch_id=batch_id)
        yield


def check_the_rule(connection: psycopg.Connection, clicks: list[Click], checkouts: list[Checkout]) -> None:
    assert credits(connection) == first_clicks(clicks, checkouts)
    orders = connection.execute("select coalesce(sum(order_count), 0) from users").fetchone()
    assert orders == (len(checkouts),)
    summed = connection.execute("select coalesce(sum(clicks), 0), coalesce(sum(checkouts), 0) from batches").fetchone()
    assert summed == (len(clicks), len(checkouts))


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(delivery=deliveries())
def test_however_events_are_delivered_the_tables_follow_the_rule(
    sink: PostgresSink,
    migrated: psycopg.Connection,
    delivery: tuple[list[Click], list[Checkout], list[list[Click | Checkout]]],
) -> None:
    clicks, checkouts, batches = delivery
    migrated.execute(TRUNCATE)
    for _ in deliver(lambda: sink, batches):
        counted = migrated.execute("select (select count(*) from raw_checkouts) - count(*) from attributed_checkouts")
        assert counted.fetchone() == (0,)
    check_the_rule(migrated, clicks, checkouts)


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(delivery=deliveries(), joins=st.permutations(get_args(Join)), data=st.data())
def test_whoever_changes_the_join_ends_with_the_same_tables(
    shifts: Shifts,
    migrated: psycopg.Connection,
    delivery: tuple[list[Click], list[Checkout], list[list[Click | Checkout]]],
    joins: list[Join],
    data: st.DataObject,
) -> None:
    """The first query is left somewhere, the second reads all of it in other batches, the first then goes on."""
    clicks, checkouts, batches = delivery
    others = [[event for batch in batches[at : at + 3] for event in batch] for at in range(0, len(batches), 3)]
    migrated.execute(TRUNCATE)
    first = deliver(lambda: shifts.sink(joins[0]), batches)
    second = deliver(lambda: shifts.sink(joins[1]), others)
    for _ in range(data.draw(st.integers(0, len(batches)))):
        next(first)
    if data.draw(st.booleans()):
        list(second)
        check_the_rule(migrated, clicks, checkouts)
    else:
        for _ in range(data.draw(st.integers(0, len(others)))):
            next(second)
    list(first)
    check_the_rule(migrated, clicks, checkouts)
