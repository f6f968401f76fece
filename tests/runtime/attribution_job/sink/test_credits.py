"""Credits of checkouts: early, late and repeated events, in either place of the join."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest

from runtime.attribution_job.sink.counts import BatchCounts
from runtime.attribution_job.sink.postgres import PostgresSink
from tests.oracle import Checkout, Click
from tests.runtime.attribution_job.conftest import Sinks, credits
from tests.runtime.attribution_job.sink.rows import candidate_row, checkout_row, click_row, event_row, table

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
QUERY = str(uuid4())


def test_every_checkout_has_its_row_at_once_credited_or_not(sink: PostgresSink, migrated: psycopg.Connection) -> None:
    click, credited, uncredited = Click(NOON, "c", "u"), Checkout(NOON, "k1", "u"), Checkout(NOON, "k2", "v")
    counts = sink.write(
        table(click_row(click), checkout_row(credited), checkout_row(uncredited), candidate_row(credited, click)),
        query_id=QUERY,
        batch_id=0,
    )
    assert credits(migrated) == {"k1": "c", "k2": None}
    assert counts == BatchCounts(
        records=3, clicks=1, checkouts=2, refunds=0, dead_letters=0, ignored=0, credits=1, late=0, duplicates=0,
        conflicts=0, revisions=0, repaired=0, unknown_fields=0, watermark=EPOCH,
    )  # fmt: skip


def test_a_click_that_arrives_after_its_checkout_is_credited(sink: PostgresSink, migrated: psycopg.Connection) -> None:
    click, checkout = Click(NOON, "c", "u"), Checkout(NOON + MINUTE, "k", "u")
    sink.write(table(checkout_row(checkout)), query_id=QUERY, batch_id=0)
    sink.write(table(click_row(click), candidate_row(checkout, click)), query_id=QUERY, batch_id=1)
    assert credits(migrated) == {"k": "c"}


@pytest.mark.parametrize("order", [("early", "late"), ("late", "early")])
def test_the_earliest_click_wins_in_any_order_of_credits(
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
    """Writes the query's first batch, with an event of each stream at `at` plus the watermark delay."""
    ahead = at + 5 * MINUTE
    rows = table(click_row(Click(ahead, "ahead", "nobody")), checkout_row(Checkout(ahead, "ahead", "nobody")))
    sink.write(rows, query_id=QUERY, batch_id=0)


def test_an_event_at_the_watermark_is_not_late(sink: PostgresSink, migrated: psycopg.Connection) -> None:
    moment = timedelta(microseconds=1)
    move_watermark_to(sink, NOON)
    punctual, late = (
        table(click_row(Click(at, f"c {at}", "u")), checkout_row(Checkout(at, f"k {at}", "u")))
        for at in (NOON, NOON - moment)
    )
    # Both come twice: a click that comes again can become late.
    counts = [
        sink.write(rows, query_id=QUERY, batch_id=batch_id)
        for batch_id, rows in enumerate((punctual, punctual, late, late), start=1)
    ]
    assert [batch.late for batch in counts] == [0, 0, 2, 0]
    for kind in ("click", "checkout"):
        rows = migrated.execute(f"select {kind}_timestamp from raw_{kind}s where late".encode()).fetchall()
        assert rows == [(NOON - moment,)]


def test_a_late_click_still_wins(sink: PostgresSink, migrated: psycopg.Connection) -> None:
    move_watermark_to(sink, NOON + 40 * MINUTE)
    punctual, checkout = Click(NOON + 41 * MINUTE, "punctual", "u"), Checkout(NOON + 42 * MINUTE, "k", "u")
    rows = table(click_row(punctual), checkout_row(checkout), candidate_row(checkout, punctual))
    sink.write(rows, query_id=QUERY, batch_id=1)
    counts = sink.write(table(click_row(Click(NOON, "late", "u"))), query_id=QUERY, batch_id=2)
    assert credits(migrated)["k"] == "late"
    assert counts.late == 1
    assert counts.credits == 1


def test_a_checkout_finds_a_late_click_of_an_earlier_batch(sink: PostgresSink, migrated: psycopg.Connection) -> None:
    move_watermark_to(sink, NOON + 40 * MINUTE)
    sink.write(table(click_row(Click(NOON, "late", "u"))), query_id=QUERY, batch_id=1)
    sink.write(table(checkout_row(Checkout(NOON + 50 * MINUTE, "k", "u"))), query_id=QUERY, batch_id=2)
    assert credits(migrated)["k"] == "late"


def test_a_click_punctual_for_one_query_can_be_late_for_another(sinks: Sinks, migrated: psycopg.Connection) -> None:
    """The new query's join drops the click, and a later checkout still has to find it."""
    click, checkout = Click(NOON, "c", "u"), Checkout(NOON + 50 * MINUTE, "k", "u")
    sinks.for_join("postgres").write(table(click_row(click)), query_id=str(uuid4()), batch_id=0)
    sink = sinks.for_join("spark")
    move_watermark_to(sink, NOON + 40 * MINUTE)
    assert sink.write(table(click_row(click)), query_id=QUERY, batch_id=1).late == 0
    sink.write(table(checkout_row(checkout)), query_id=QUERY, batch_id=2)
    assert credits(migrated)["k"] == "c"


def test_a_stored_click_becomes_late_when_another_query_receives_it_late(
    sink: PostgresSink, migrated: psycopg.Connection
) -> None:
    """The column tells that a streaming join has not seen the click. A punctual copy does not take it back."""
    click, punctual = Click(NOON, "c", "u"), Click(NOON + 41 * MINUTE, "d", "u")
    sink.write(table(click_row(click), click_row(punctual)), query_id=str(uuid4()), batch_id=0)
    late = "select click_id, late from raw_clicks where user_id = 'u' order by 1"
    assert migrated.execute(late).fetchall() == [("c", False), ("d", False)]
    move_watermark_to(sink, NOON + 40 * MINUTE)
    sink.write(table(click_row(click), click_row(punctual)), query_id=QUERY, batch_id=1)
    assert migrated.execute(late).fetchall() == [("c", True), ("d", False)]
    sink.write(table(click_row(click)), query_id=str(uuid4()), batch_id=0)
    assert migrated.execute(late).fetchall() == [("c", True), ("d", False)]


def test_a_late_checkout_finds_its_click(sink: PostgresSink, migrated: psycopg.Connection) -> None:
    sink.write(table(click_row(Click(NOON, "c", "u"))), query_id=QUERY, batch_id=0)
    ahead = NOON + 60 * MINUTE
    rows = table(click_row(Click(ahead, "x", "nobody")), checkout_row(Checkout(ahead, "x", "nobody")))
    sink.write(rows, query_id=QUERY, batch_id=1)
    counts = sink.write(table(checkout_row(Checkout(NOON + MINUTE, "k", "u"))), query_id=QUERY, batch_id=2)
    assert counts.late == 1
    assert credits(migrated)["k"] == "c"


@pytest.mark.parametrize("kind", ["click", "checkout"])
def test_an_idle_stream_holds_the_watermark(sink: PostgresSink, kind: str) -> None:
    for batch_id, at in enumerate((NOON, NOON - 60 * MINUTE)):
        event = Click(at, f"c {at}", "u") if kind == "click" else Checkout(at, f"k {at}", "u")
        counts = sink.write(table(event_row(event)), query_id=QUERY, batch_id=batch_id)
        assert counts.late == 0
