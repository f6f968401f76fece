"""Several writers: the tables are those of one writer, also after any interruption."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, get_args
from uuid import uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runtime.attribution_job.join.rule import Join
from tests.oracle import Checkout, Click, Event, Refund
from tests.runtime.attribution_job.conftest import TRUNCATE, Sinks
from tests.runtime.attribution_job.join.streaming_join import StreamingJoin
from tests.runtime.attribution_job.sink.conftest import KilledError
from tests.runtime.attribution_job.sink.contents import table_contents
from tests.runtime.attribution_job.sink.rows import dead_letter_row, event_row, table
from tests.runtime.attribution_job.sink.test_corrected_deliveries import deliveries

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
QUERY = str(uuid4())
COUNTS = ("clicks", "checkouts", "refunds", "dead_letters", "conflicts")
# Of every user, at every commit: a row for each checkout, the first click of each, and the sums of all orders.
INCONSISTENT_USERS = """
select k.user_id
  from raw_checkouts k
  left join attributed_checkouts a using (checkout_id)
  left join users u on u.user_id = k.user_id
 where a.checkout_id is null or u.user_id is null
    or (a.user_id, a.total_amount, a.test) is distinct from (k.user_id, k.total_amount, k.test)
    or a.click_id is distinct from (
           select click_id from raw_clicks c
            where c.user_id = k.user_id and not c.is_bot
              and c.click_timestamp between k.checkout_timestamp - interval '1 hour' and k.checkout_timestamp
            order by click_timestamp, click_id limit 1)
 union
select user_id
  from raw_checkouts k join users u using (user_id)
 group by user_id, u.order_count, u.lifetime_value
having (count(*) filter (where not test), coalesce(sum(total_amount) filter (where not test), 0))
       is distinct from (u.order_count, u.lifetime_value)
"""
STORED = """
select (select count(*) from raw_clicks), (select count(*) from raw_checkouts), (select count(*) from raw_refunds),
       (select count(*) from dead_letters), (select count(*) from conflicts)
"""
ADDED = f"""
select {", ".join(f"coalesce(sum({name}), 0)::bigint" for name in COUNTS)}
  from (select {", ".join(COUNTS)} from batches union all select {", ".join(COUNTS)} from batch_slices) counts
"""


def batches_of(deliveries: list[list[Event]]) -> list[dict[str, Any]]:
    """Returns the sink's tables for each batch. Events arrive in their order; each batch is sorted by its ids."""
    join, batches, sequence = StreamingJoin(), [], 0
    for events in deliveries:
        rows = [dead_letter_row(sequence, "no", b"", NOON)]
        for event in events:
            rows.append(event_row(event, sequence=sequence, arrived_at=NOON + sequence * SECOND))
            sequence += 1
        batches.append(table(*sorted(rows, key=str), *join.batch(events)))
    return batches


def contents(connection: psycopg.Connection) -> dict[str, list[Any]]:
    """Returns all tables, with late events and, apart from times of writing, `batches`."""
    late = connection.execute("select click_id from raw_clicks where late union all select checkout_id from"
                              " raw_checkouts where late order by 1").fetchall()  # fmt: skip
    ignored = "- 'began_at' - 'committed_at' - 'unseen_until'"
    batches = connection.execute(f"select to_jsonb(b) {ignored} from batches b order by 1".encode()).fetchall()
    return table_contents(connection) | {"late": late, "batches": batches}


def assert_consistent(connection: psycopg.Connection) -> None:
    assert connection.execute(INCONSISTENT_USERS).fetchall() == []
    stored, added = (connection.execute(query.encode()).fetchone() or () for query in (STORED, ADDED))
    assert added == stored, "`batches` and `batch_slices` add up to the tables"


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(join=st.sampled_from(get_args(Join)), delivered=deliveries(), data=st.data())
def test_any_number_of_writers_and_interruptions_leave_the_tables_of_one_writer(
    *,
    sinks: Sinks,
    migrated: psycopg.Connection,
    kill: list[int],
    join: Join,
    delivered: list[list[Event]],
    data: st.DataObject,
) -> None:
    migrated.execute(TRUNCATE)
    batches = batches_of(delivered)
    for number, batch in enumerate(batches):
        sinks.for_join(join).write(batch, query_id=QUERY, batch_id=number)
    expected = contents(migrated)
    migrated.execute(TRUNCATE)
    for number, batch in enumerate(batches):
        writers = data.draw(st.sampled_from([2, 3, 4]))
        for committed in data.draw(st.lists(st.integers(0, 4), max_size=2)):
            kill.append(committed)
            attempt = sinks.for_join(join, writers)
            if committed < writers:
                with pytest.raises(KilledError):
                    attempt.write(batch, query_id=QUERY, batch_id=number)
            kill.clear()
            assert_consistent(migrated)
            writers = data.draw(st.sampled_from([1, writers, 3]))
        sinks.for_join(join, writers).write(batch, query_id=QUERY, batch_id=number)
        assert_consistent(migrated)
        assert migrated.execute("select from batch_slices").fetchall() == []
    assert contents(migrated) == expected


@pytest.mark.parametrize("join", get_args(Join))
@pytest.mark.parametrize("committed", range(4))
def test_slices_of_an_interrupted_batch_count_once(
    sinks: Sinks, migrated: psycopg.Connection, kill: list[int], join: Join, committed: int
) -> None:
    events: list[Event] = [
        event
        for user in ("u1", "u2", "ü3")
        for event in (
            Click(NOON, f"c {user}", user), Checkout(NOON, f"k {user}", user), Refund(NOON, f"r {user}", f"k {user}")
        )
    ]  # fmt: skip
    (batch,) = batches_of([events])
    sink = sinks.for_join(join, 3)
    if committed < 3:
        kill.append(committed)
        with pytest.raises(KilledError):
            sink.write(batch, query_id=QUERY, batch_id=0)
        kill.clear()
        assert migrated.execute("select count(*) from batch_slices").fetchone() == (committed,)
        assert migrated.execute("select from batches").fetchall() == []
        assert_consistent(migrated)
    counts = sink.write(batch, query_id=QUERY, batch_id=0)
    assert (counts.clicks, counts.checkouts, counts.refunds, counts.dead_letters) == (3, 3, 3, 1)
    assert (counts.records, counts.credits, counts.duplicates) == (10, 3, 0)
    repeated = sink.write(batch, query_id=QUERY, batch_id=0)
    assert (repeated.clicks, repeated.credits, repeated.duplicates) == (0, 0, 9)
    assert_consistent(migrated)
    columns = "records, clicks, checkouts, refunds, credits, duplicates"
    assert migrated.execute(f"select {columns} from batches".encode()).fetchall() == [(10, 3, 3, 3, 3, 9)]


def test_all_rows_have_the_start_of_their_batch(sinks: Sinks, migrated: psycopg.Connection) -> None:
    """Queries join events with their batch by this time."""
    for number in range(2):
        events: list[Event] = []
        for user in ("u1", "u2", "ü3"):
            order = Checkout(NOON, f"k {number} {user}", user)
            refund = Refund(NOON, f"r {number} {user}", order.checkout_id, user_id=user)
            events += [Click(NOON, f"c {number} {user}", user), order, replace(order, amount="7"), refund]
        (batch,) = batches_of([events])
        sinks.for_join("postgres", 3).write(batch, query_id=QUERY, batch_id=number)
    for name in ("raw_clicks", "raw_checkouts", "raw_refunds", "conflicts"):
        joined = f"select count(*) from {name} r join batches b on b.began_at = r.ingested_at"
        assert migrated.execute(joined.encode()).fetchone() == (6,), name
    assert migrated.execute("select count(distinct ingested_at) from dead_letters").fetchone() == (1,)
