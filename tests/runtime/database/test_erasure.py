"""erase_user() on rows that the job's sink wrote as the writer."""

import functools
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from local.servers.postgres import Server
from runtime.attribution_job.sink.postgres import PostgresSink
from tests.oracle import Checkout, Click, Refund
from tests.runtime.attribution_job.sink.rows import (
    candidate_row,
    checkout_row,
    click_row,
    dead_letter_row,
    refund_row,
    table,
)

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
ONE_VISIT = {
    "dead_letters": 0, "conflicts": 1, "raw_refunds": 1, "attributed_checkouts": 1, "raw_checkouts": 1, "raw_clicks": 2,
    "users": 1, "checkout_paths": 0, "unconverted_paths": 0, "exposures": 0, "customer_scores": 0,
}  # fmt: skip
HOSTILE = ["'; drop table users; --", '"', "\\copy x", "%s%(x)s", "a/b", "ü€😀", "user 1", "$$", "{}", "\t\n"]


@pytest.fixture(params=[1, 3], ids="{} writers".format)
def sink(postgres: Server, database: str, request: pytest.FixtureRequest) -> Iterator[PostgresSink]:
    url = postgres.url(database, "pipeline_writer")
    connect = functools.partial(psycopg.connect, url, autocommit=True)
    sink = PostgresSink(connect, "spark", writers=request.param, retry_seconds=30)
    yield sink
    sink.close()


def visit(user: str) -> list[dict[str, object]]:
    """Returns a batch's rows of a shopper: a click, a robot's click, a checkout with a conflict, and a refund."""
    click, robot = Click(NOON, f"c {user}", user), Click(NOON, f"robot {user}", user, is_bot=True)
    checkout, conflict = (Checkout(NOON + MINUTE, f"k {user}", user, amount) for amount in ("1.50", "1.60"))
    refund = Refund(NOON, f"r {user}", checkout.checkout_id, user_id=user)
    return [
        click_row(click),
        checkout_row(checkout),
        candidate_row(checkout, click),
        click_row(robot),
        checkout_row(conflict, sequence=1),
        refund_row(refund),
    ]


def dead_letter(number: int, data: bytes, partition_key: str = "p") -> dict[str, object]:
    letter: Any = dead_letter_row(number, "no", data, NOON)
    letter["dead_letter"]["partition_key"] = partition_key
    return {**letter}


def erase(connection: psycopg.Connection, user: str) -> dict[str, int]:
    return dict(connection.execute("select * from erase_user(%s)", [user]).fetchall())


def all_rows(connection: psycopg.Connection) -> dict[str, list[Any]]:
    names = connection.execute("select tablename from pg_tables where schemaname = 'public' order by 1").fetchall()
    return {
        name: connection.execute(f"select to_jsonb(t) from {name} t order by 1".encode()).fetchall()
        for (name,) in names
    }


def test_only_the_erased_person_is_removed_from_every_table(sink: PostgresSink, migrated: psycopg.Connection) -> None:
    others = [*visit("user-12"), *visit("user"), *visit("USER-1"), dead_letter(1, b'{"user_id":"user-12"}', "user-12")]
    sink.write(table(*others), query_id=str(uuid4()), batch_id=0)
    rows_before = all_rows(migrated)
    person = [
        *visit("user-1"),
        dead_letter(2, b'{"user_id":42}', "user-1"),
        dead_letter(3, b'[{"user_id":"user-1"}]'),
    ]
    sink.write(table(*person), query_id=str(uuid4()), batch_id=0)
    assert erase(migrated, "user-1") == ONE_VISIT | {"dead_letters": 2}
    rows_after = all_rows(migrated)
    assert '"user-1"' not in str(rows_after)
    assert rows_after | {"batches": rows_before["batches"]} == rows_before, "batches keep their counts of received rows"


def test_clicks_of_all_days_are_erased(sink: PostgresSink, migrated: psycopg.Connection) -> None:
    days = [NOON - 400 * DAY, datetime.now(UTC), datetime.now(UTC) + DAY, datetime.now(UTC) + 9 * DAY]
    clicks = [*(Click(at, "c", "u") for at in days), Click(days[1], "d", "v")]
    sink.write(table(*map(click_row, clicks)), query_id=str(uuid4()), batch_id=0)
    stored = migrated.execute("select count(distinct tableoid) from raw_clicks").fetchone()
    assert stored == (4,)
    assert erase(migrated, "u")["raw_clicks"] == 4
    assert migrated.execute("select user_id from raw_clicks").fetchall() == [("v",)]


def test_a_repeated_erasure_removes_nothing(sink: PostgresSink, migrated: psycopg.Connection) -> None:
    sink.write(table(*visit("u"), dead_letter(1, b"u", "u")), query_id=str(uuid4()), batch_id=0)
    erase(migrated, "u")
    assert set(erase(migrated, "u").values()) == {0}


def test_events_that_return_after_an_erasure_can_be_erased_again(
    sink: PostgresSink, migrated: psycopg.Connection
) -> None:
    """A job that starts at the streams' oldest record reads the person's events again."""
    sink.write(table(*visit("u")), query_id=str(uuid4()), batch_id=0)
    erase(migrated, "u")
    sink.write(table(*visit("u")), query_id=str(uuid4()), batch_id=0)
    assert migrated.execute("select order_count from users").fetchall() == [(1,)]
    assert erase(migrated, "u")["raw_clicks"] == 2


def test_refunds_of_the_persons_order_are_erased_whatever_user_they_name(
    sink: PostgresSink, migrated: psycopg.Connection
) -> None:
    rows = table(*visit("u"), *visit("v"), refund_row(Refund(NOON, "agent's", "k u", user_id="agent")))
    sink.write(rows, query_id=str(uuid4()), batch_id=0)
    assert erase(migrated, "u")["raw_refunds"] == 2
    assert migrated.execute("select refund_id from raw_refunds").fetchall() == [("r v",)]


def test_a_credit_from_sparks_state_does_not_restore_the_person(
    sink: PostgresSink, migrated: psycopg.Connection
) -> None:
    sink.write(table(*visit("u")), query_id=str(uuid4()), batch_id=0)
    erase(migrated, "u")
    sink.write(table(visit("u")[2]), query_id=str(uuid4()), batch_id=0)
    assert set(erase(migrated, "u").values()) == {0}


@pytest.mark.parametrize("user_id", ["", None])
def test_an_erasure_without_an_id_is_refused(migrated: psycopg.Connection, user_id: str | None) -> None:
    with pytest.raises(psycopg.errors.InvalidParameterValue, match="whom to erase"):
        migrated.execute("select * from erase_user(%s)", [user_id])


def test_an_id_with_special_characters_erases_only_that_person(
    sink: PostgresSink, migrated: psycopg.Connection
) -> None:
    sink.write(table(*(row for user in HOSTILE for row in visit(user))), query_id=str(uuid4()), batch_id=0)
    for number, user in enumerate(HOSTILE, start=1):
        assert erase(migrated, user) == ONE_VISIT
        remaining = migrated.execute("select user_id from users").fetchall()
        assert {name for (name,) in remaining} == set(HOSTILE[number:])


MENTIONS = [
    b'{"user_id":"user-1"}',
    b'{"user_id": "user-1',
    b'user-1"}',
    b"user-1",
    b"user_id=user-1&page=2",
    b"{'user_id': 'user-1'}",
    b"2026-11-23;user-1;9.90\r\n",
    b"\0user-1\0",
    b'{"user_id":"user-1","page_url":"caf\xe9"}\xff',
    b'{"user_id":"\\u0075ser\\u002D1"}',
    b'{"user_id":"a","user_id":"user-1"}',
    b'{"note":"of user-1."}',
    b'{"note":"by:\\nuser-1\\nthanks"}',
    b'"{\\"user_id\\":\\"user-1\\"}"',
    b'"{\\u0022user_id\\u0022:\\u0022user-1\\u0022}"',
    b'{"user_id":"user-10"}{"user_id":"user-1"}',
]
NO_MENTIONS = [
    b'{"user_id":"user-12"}',
    b'{"user_id":"auser-1"}',
    b'{"user_id":"user-1-2"}',
    b'{"user_id":"x_user-1"}',
    b'{"user_id":"user-1_x"}',
    b'{"user_id":"USER-1"}',
    b'{"user_id":"user", "n":-1}',
    '{"user_id":"user-1ü"}'.encode(),
    '{"user_id":"üuser-1"}'.encode(),
    b'{"user_id":"user-1\\u00fc"}',
    b'{"user_id":"\\u00fcuser-1"}',
    b"",
    b"\xff\xfe\0",
]


def test_only_dead_letters_that_mention_the_person_are_erased(sink: PostgresSink, migrated: psycopg.Connection) -> None:
    letters = [dead_letter(number, data) for number, data in enumerate([*MENTIONS, *NO_MENTIONS])]
    sink.write(table(*letters), query_id=str(uuid4()), batch_id=0)
    assert erase(migrated, "user-1")["dead_letters"] == len(MENTIONS)
    remaining = migrated.execute("select data from dead_letters order by sequence_number::int")
    assert [data for (data,) in remaining] == NO_MENTIONS


ids = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(user=ids, ascii_only=st.booleans())
@example(user="Иван", ascii_only=True)
def test_an_id_is_found_in_json_but_longer_ids_are_not(
    migrated: psycopg.Connection, user: str, ascii_only: bool
) -> None:
    def is_found(text: str) -> bool:
        data = json.dumps({"user_id": text}, ensure_ascii=ascii_only).encode()
        query = "select encode(%s::bytea, 'escape') ~ mention_of(%s)"
        ((matches,),) = migrated.execute(query, [data, user]).fetchall()
        return bool(matches)

    assert is_found(user)
    # Ids are separated by punctuation. An id of punctuation is therefore found inside longer ids too.
    if user.isalnum():
        assert [added for added in "aZ0-_üо😀" if is_found(user + added) or is_found(added + user)] == []


def test_an_erasure_during_the_job_leaves_every_other_row_consistent(
    sink: PostgresSink, postgres: Server, database: str, migrated: psycopg.Connection
) -> None:
    """The person keeps shopping during the erasures. The rows of each remaining user stay consistent."""
    batches = 80
    errors: list[BaseException] = []

    def shop() -> None:
        try:
            for number in range(batches):
                at = NOON + number * MINUTE
                rows = []
                for user in ("u", "v"):
                    click, checkout = Click(at, f"c{number} {user}", user), Checkout(at, f"k{number} {user}", user)
                    rows += [click_row(click), checkout_row(checkout), candidate_row(checkout, click)]
                sink.write(table(*rows), query_id=query_id, batch_id=number)
        except BaseException as error:  # noqa: BLE001 - asserted in the test's thread
            errors.append(error)

    query_id = str(uuid4())
    job = threading.Thread(target=shop)
    job.start()
    erased = 0
    while job.is_alive():
        erased += erase(migrated, "u")["raw_clicks"]
    job.join()
    assert errors == []
    assert 0 < erased <= batches
    assert migrated.execute("select order_count from users where user_id = 'v'").fetchall() == [(batches,)]
    inconsistent_users = migrated.execute("""
        select user_id, count(*), max(order_count), count(click_id)
          from attributed_checkouts left join users using (user_id) left join raw_clicks using (click_id, user_id)
         group by user_id having count(*) is distinct from max(order_count) or count(click_id) <> count(*)
    """)
    assert inconsistent_users.fetchall() == []
    assert erased + erase(migrated, "u")["raw_clicks"] == batches
