"""Hostile text in events, such as SQL or control characters, is stored as a plain value."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import get_args
from uuid import uuid4

import psycopg
import pytest

from local.servers.postgres import Server
from runtime.attribution_job.join.rule import Join
from runtime.attribution_job.sink.postgres import PostgresSink
from tests.oracle import Checkout, Click
from tests.runtime.attribution_job.sink.rows import candidate_row, checkout_row, click_row, dead_letter_row, table

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOSTILE = [
    "'; drop table users; --",
    '"; truncate raw_clicks; --',
    "$$; select pg_sleep(60); $$",
    "\\copy users to '/tmp/users'",
    "\\.",
    "\\N",
    "",
    " ",
    "%s%(x)s%%",
    "{0}{x}",
    "null",
    ",",
    '"',
    "'",
    "\\",
    "\r\n",
    "\t\x01\x7f",
    "ü€😀\u202e\ufeff",
    "e\u0301",
    "é",
    "x" * 256,
]


@pytest.fixture(params=get_args(Join))
def sink(postgres: Server, database: str, request: pytest.FixtureRequest) -> Iterator[PostgresSink]:
    url = postgres.url(database, "pipeline_writer")
    sink = PostgresSink(lambda: psycopg.connect(url, autocommit=True), request.param, retry_seconds=5)
    yield sink
    sink.close()


def test_hostile_text_in_any_field_is_stored_unchanged(sink: PostgresSink, migrated: psycopg.Connection) -> None:
    rows = []
    for number, text in enumerate(HOSTILE):
        click = Click(NOON, text, text)
        checkout = Checkout(NOON + timedelta(minutes=1), text, text)
        rows += [
            click_row(click, session_id=text, utm_source=text, device_type=text),
            checkout_row(checkout),
            candidate_row(checkout, click),
        ]
        letter = dead_letter_row(number, text, text.encode(), NOON)["dead_letter"]
        rows.append({"dead_letter": {**letter, "stream_name": text, "partition_key": text}})  # type: ignore[dict-item]
    for _ in range(2):
        sink.write(table(*rows), query_id=str(uuid4()), batch_id=0)
    for columns in (
        "click_id, user_id, session_id, utm_source, device_type from raw_clicks",
        "checkout_id, user_id from raw_checkouts",
        "checkout_id, user_id, click_id, utm_source from attributed_checkouts",
        "user_id, first_click_id, last_click_id, first_utm_source, last_device from users",
        "stream_name, partition_key, reason, convert_from(data, 'UTF8') from dead_letters",
    ):
        rows_found = migrated.execute(f"select {columns}".encode()).fetchall()
        assert sorted(rows_found) == sorted((text,) * len(rows_found[0]) for text in HOSTILE), columns


def test_hostile_text_in_conflicting_events_changes_no_row(
    sink: PostgresSink, migrated: psycopg.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    first = [click_row(Click(NOON, text, "first")) for text in HOSTILE]
    second = [click_row(Click(NOON, text, text)) for text in HOSTILE]
    sink.write(table(*first), query_id=str(uuid4()), batch_id=0)
    sink.write(table(*second), query_id=str(uuid4()), batch_id=0)
    assert migrated.execute("select distinct user_id from raw_clicks").fetchall() == [("first",)]
    assert "the stored events are kept" in caplog.text
