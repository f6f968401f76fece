"""Rows of one transaction: duplicates, dead letters, text values, users and counts."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import psycopg
import pyarrow as pa
import pytest

from runtime.attribution_job.sink.counts import BatchCounts
from runtime.attribution_job.sink.postgres import PostgresSink, oldest_arrival
from tests.oracle import Checkout, Click, Refund
from tests.runtime.attribution_job.conftest import credits
from tests.runtime.attribution_job.sink.contents import table_contents
from tests.runtime.attribution_job.sink.rows import (
    candidate_row,
    checkout_row,
    click_row,
    dead_letter_row,
    refund_row,
    table,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
QUERY = str(uuid4())


def test_a_repeated_batch_changes_no_table_and_no_sum(sink: PostgresSink, migrated: psycopg.Connection) -> None:
    click, checkout = Click(NOON, "c", "u"), Checkout(NOON, "k", "u")
    rows = table(
        click_row(click),
        checkout_row(checkout),
        candidate_row(checkout, click),
        refund_row(Refund(NOON, "r", "k")),
        dead_letter_row(1, "no", b"\0\xff", NOON),
        dead_letter_row(2, None, b"{}", NOON),
    )
    sink.write(rows, query_id=QUERY, batch_id=0)
    contents = table_contents(migrated)
    counts = sink.write(rows, query_id=QUERY, batch_id=0)
    assert table_contents(migrated) == contents
    assert counts == BatchCounts(
        records=5, clicks=0, checkouts=0, refunds=0, dead_letters=0, ignored=1, credits=0, late=0, duplicates=3,
        conflicts=0, revisions=0, repaired=0, unknown_fields=0, watermark=EPOCH,
    )  # fmt: skip
    sums = "records, clicks, checkouts, refunds, dead_letters, ignored, credits, duplicates"
    assert migrated.execute(f"select {sums} from batches".encode()).fetchall() == [(5, 1, 1, 1, 1, 1, 1, 3)]


def test_a_repeated_batch_with_other_records_adds_to_its_row(sink: PostgresSink, migrated: psycopg.Connection) -> None:
    """A checkpoint that was set back cuts batches anew, under the same numbers."""
    early, late = NOON - 20 * MINUTE, NOON + 20 * MINUTE
    click, checkout = Click(NOON - 10 * MINUTE, "c1", "u"), Checkout(NOON - 10 * MINUTE, "k1", "u")
    attempts = [
        table(
            click_row(click, repairs="{trimmed_id}", unknown_fields=1),
            *(checkout_row(checkout), refund_row(Refund(NOON, "r1", "k1"))),
            dead_letter_row(1, "no", b"", NOON),
        ),
        table(
            click_row(replace(click, user_id="v")),
            click_row(Click(early, "c2", "u"), repairs="{trimmed_id}", unknown_fields=2),
            *(click_row(Click(late, "c3", "x")), checkout_row(replace(checkout, revision=1))),
            *(checkout_row(Checkout(early, "k2", "v")), checkout_row(Checkout(late, "k3", "w"))),
            refund_row(Refund(NOON, "r2", "k1"), repairs="{trimmed_id}"),
            *(dead_letter_row(2, "no", b"", NOON), dead_letter_row(3, None, b"", NOON)),
        ),
        table(click_row(Click(NOON, "c4", "y")), checkout_row(Checkout(NOON, "k4", "z"))),
    ]
    ahead = table(click_row(Click(NOON, "ahead", "nobody")), checkout_row(Checkout(NOON, "ahead", "nobody")))
    sink.write(ahead, query_id=QUERY, batch_id=0)
    for rows in attempts:
        sink.write(rows, query_id=QUERY, batch_id=1)
    row = migrated.execute(
        "select records, clicks, checkouts, refunds, dead_letters, ignored, credits, late, duplicates, conflicts,"
        " revisions, repaired, unknown_fields, first_click, last_click, first_checkout, last_checkout, watermark,"
        " latest_click, latest_checkout, unseen_until from batches where batch_id = 1"
    ).fetchone()
    counts = {
        "records": 9, "clicks": 4, "checkouts": 4, "refunds": 2, "dead_letters": 2, "ignored": 1, "credits": 2,
        "late": 4, "duplicates": 2, "conflicts": 1, "revisions": 1, "repaired": 3, "unknown_fields": 3,
    }  # fmt: skip
    assert row == (*counts.values(), early, late, early, late, NOON - 5 * MINUTE, late, late, late)


def test_the_oldest_arrival_considers_all_kinds_of_rows() -> None:
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


def test_text_is_stored_unchanged(sink: PostgresSink, migrated: psycopg.Connection) -> None:
    text = 'a,"b"\r\n\\N \\. \t; drop table users --ü€😀'
    sink.write(table(click_row(Click(NOON, "c", "u"), session_id=text, utm_source="")), query_id=QUERY, batch_id=0)
    assert migrated.execute("select session_id, utm_source, page_url from raw_clicks").fetchall() == [(text, "", None)]


def test_rows_of_many_chunks_are_stored_unchanged(sink: PostgresSink, migrated: psycopg.Connection) -> None:
    first, second = (table(click_row(Click(NOON, name, "u"))) for name in ("first", "second"))
    rows = first | {"click": pa.concat_tables([first["click"].slice(0, 0), first["click"], second["click"]])}
    sink.write(rows, query_id=QUERY, batch_id=0)
    stored = migrated.execute("select click_id, user_id from raw_clicks order by 1").fetchall()
    assert stored == [("first", "u"), ("second", "u")]


@pytest.mark.parametrize("delay", [-MINUTE, MINUTE], ids=["earlier", "later than every stored click"])
def test_a_reused_id_keeps_the_first_event_and_logs_a_warning(
    sink: PostgresSink, migrated: psycopg.Connection, caplog: pytest.LogCaptureFixture, delay: timedelta
) -> None:
    first, second = Click(NOON, "c", "u"), Click(NOON + delay, "c", "v")
    checkout = Checkout(NOON + MINUTE, "k", "v")
    sink.write(table(click_row(first)), query_id=QUERY, batch_id=0)
    counts = sink.write(
        table(click_row(second), checkout_row(checkout), candidate_row(checkout, second)),
        query_id=QUERY,
        batch_id=1,
    )
    assert (counts.clicks, counts.duplicates) == (0, 1)
    assert migrated.execute("select user_id from raw_clicks").fetchall() == [("u",)]
    assert credits(migrated) == {"k": None}
    assert "different content" in caplog.text
    assert "Retrying" not in caplog.text


def test_users_aggregate_their_events(sink: PostgresSink, migrated: psycopg.Connection) -> None:
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
