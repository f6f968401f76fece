"""The names of unknown fields that the sink keeps."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest

from runtime.attribution_job.sink.postgres import PostgresSink
from tests.oracle import Checkout, Click
from tests.runtime.attribution_job.sink.rows import checkout_row, click_row, table

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
QUERY = str(uuid4())
NAMES = "select event_kind, name from unknown_fields order by 1, 2"
SEEN = "select first_seen, last_seen from unknown_fields"


def test_each_name_is_kept_once_by_kind_of_event(sink: PostgresSink, migrated: psycopg.Connection) -> None:
    rows = table(
        click_row(Click(NOON, "c", "u"), unknown_names="a,b"),
        click_row(Click(NOON, "d", "v"), unknown_names="b"),
        click_row(Click(NOON, "e", "v")),
        checkout_row(Checkout(NOON, "k", "u"), unknown_names="a"),
    )
    for batch in range(2):
        sink.write(rows, query_id=QUERY, batch_id=batch)
    assert migrated.execute(NAMES).fetchall() == [("checkout", "a"), ("click", "a"), ("click", "b")]


def test_a_name_has_its_first_and_its_newest_batch(sink: PostgresSink, migrated: psycopg.Connection) -> None:
    def write(batch: int) -> None:
        sink.write(table(click_row(Click(NOON, f"c{batch}", "u"), unknown_names="a")), query_id=QUERY, batch_id=batch)

    write(0)
    first = migrated.execute(SEEN).fetchall()
    write(1)
    assert migrated.execute(SEEN).fetchall() == first, "a name is written at most once a minute"
    migrated.execute("update unknown_fields set last_seen = last_seen - interval '1 hour'")
    write(2)
    ((first_seen, last_seen),) = migrated.execute(SEEN).fetchall()
    assert first_seen == first[0][0]
    assert timedelta(0) < last_seen - first_seen < timedelta(minutes=1)


def test_at_most_a_thousand_names_are_kept(sink: PostgresSink, migrated: psycopg.Connection) -> None:
    migrated.execute(
        "insert into unknown_fields select 'click', 'f' || n, now(), now() from generate_series(1, 1000) n"
    )
    rows = table(click_row(Click(NOON, "c", "u"), unknown_names="f7,one_too_many"))
    sink.write(rows, query_id=QUERY, batch_id=0)
    assert migrated.execute("select count(*) from unknown_fields").fetchone() == (1000,)


def test_the_job_only_adds_names(sink: PostgresSink, migrated: psycopg.Connection) -> None:
    sink.write(table(click_row(Click(NOON, "c", "u"), unknown_names="a")), query_id=QUERY, batch_id=0)
    migrated.execute("set role pipeline_writer")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        migrated.execute("delete from unknown_fields")
