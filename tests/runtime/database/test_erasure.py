"""erase_user() on rows that the job's own sink wrote, logged in as the writer."""

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
from tests.oracle import Checkout, Click
from tests.runtime.attribution_job.sink.rows import candidate_row, checkout_row, click_row, dead_letter_row, table

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOSTILE = ["'; drop table users; --", '"', "\\copy x", "%s%(x)s", "a/b", "ü€😀", "user 1", "$$", "{}", "\t\n"]


@pytest.fixture
def sink(postgres: Server, database: str) -> Iterator[PostgresSink]:
    url = postgres.url(database, "pipeline_writer")
    sink = PostgresSink(lambda: psycopg.connect(url, autocommit=True), "spark", retry_seconds=30)
    yield sink
    sink.close()


def visit(user: str) -> list[dict[str, object]]:
    """What a batch has of a shopper who clicks and buys."""
    click, checkout = Click(NOON, f"c {user}", user), Checkout(NOON + MINUTE, f"k {user}", user)
    return [click_row(click), checkout_row(checkout), candidate_row(checkout, click)]


def refused(number: int, data: bytes, partition_key: str = "p") -> dict[str, object]:
    letter: Any = dead_letter_row(number, "no", data, NOON)
    letter["dead_letter"]["partition_key"] = partition_key
    return {**letter}


def erase(connection: psycopg.Connection, user: str) -> dict[str, int]:
    return dict(connection.execute("select * from erase_user(%s)", [user]).fetchall())


def everything(connection: psycopg.Connection) -> dict[str, list[Any]]:
    names = connection.execute("select tablename from pg_tables where schemaname = 'public' order by 1").fetchall()
    return {
        name: connection.execute(f"select to_jsonb(t) from {name} t order by 1".encode()).fetchall()
        for (name,) in names
    }


def test_a_person_is_removed_from_every_table_and_nobody_else(sink: PostgresSink, migrated: psycopg.Connection) -> None:
    others = [*visit("user-12"), *visit("user"), *visit("USER-1"), refused(1, b'{"user_id":"user-12"}', "user-12")]
    sink.write(table(*others), query_id=str(uuid4()), batch_id=0)
    before = everything(migrated)
    person = [*visit("user-1"), refused(2, b'{"user_id":42}', "user-1"), refused(3, b'[{"user_id":"user-1"}]')]
    sink.write(table(*person), query_id=str(uuid4()), batch_id=0)
    assert erase(migrated, "user-1") == {
        "dead_letters": 2, "attributed_checkouts": 1, "raw_checkouts": 1, "raw_clicks": 1, "users": 1,
    }  # fmt: skip
    after = everything(migrated)
    assert '"user-1"' not in str(after)
    assert after | {"batches": before["batches"]} == before, "the counts of what was received stay"


def test_an_erasure_that_is_repeated_finds_nothing(sink: PostgresSink, migrated: psycopg.Connection) -> None:
    sink.write(table(*visit("u"), refused(1, b"u", "u")), query_id=str(uuid4()), batch_id=0)
    erase(migrated, "u")
    assert set(erase(migrated, "u").values()) == {0}


def test_what_a_stream_still_has_comes_back_whole_and_goes_again(
    sink: PostgresSink, migrated: psycopg.Connection
) -> None:
    """A job that begins at the streams' oldest record reads the person's events once more."""
    sink.write(table(*visit("u")), query_id=str(uuid4()), batch_id=0)
    erase(migrated, "u")
    sink.write(table(*visit("u")), query_id=str(uuid4()), batch_id=0)
    assert migrated.execute("select order_count from users").fetchall() == [(1,)]
    assert erase(migrated, "u")["raw_clicks"] == 1


def test_a_credit_that_spark_still_remembers_brings_nobody_back(
    sink: PostgresSink, migrated: psycopg.Connection
) -> None:
    sink.write(table(*visit("u")), query_id=str(uuid4()), batch_id=0)
    erase(migrated, "u")
    sink.write(table(visit("u")[2]), query_id=str(uuid4()), batch_id=0)
    assert set(erase(migrated, "u").values()) == {0}


@pytest.mark.parametrize("nobody", ["", None])
def test_nobody_is_erased_by_an_empty_id(migrated: psycopg.Connection, nobody: str | None) -> None:
    with pytest.raises(psycopg.errors.InvalidParameterValue, match="whom to erase"):
        migrated.execute("select * from erase_user(%s)", [nobody])


def test_whatever_an_id_is_made_of_it_is_that_person_who_goes(sink: PostgresSink, migrated: psycopg.Connection) -> None:
    sink.write(table(*(row for user in HOSTILE for row in visit(user))), query_id=str(uuid4()), batch_id=0)
    for number, user in enumerate(HOSTILE, start=1):
        assert erase(migrated, user) == {
            "dead_letters": 0, "attributed_checkouts": 1, "raw_checkouts": 1, "raw_clicks": 1, "users": 1,
        }  # fmt: skip
        left = migrated.execute("select user_id from users").fetchall()
        assert {name for (name,) in left} == set(HOSTILE[number:])


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


def test_dead_letters_go_that_mention_the_person_and_not_another(
    sink: PostgresSink, migrated: psycopg.Connection
) -> None:
    letters = [refused(number, data) for number, data in enumerate([*MENTIONS, *NO_MENTIONS])]
    sink.write(table(*letters), query_id=str(uuid4()), batch_id=0)
    assert erase(migrated, "user-1")["dead_letters"] == len(MENTIONS)
    left = migrated.execute("select data from dead_letters order by sequence_number::int")
    assert [data for (data,) in left] == NO_MENTIONS


ids = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(user=ids, ascii_only=st.booleans())
@example(user="Иван", ascii_only=True)
def test_every_id_is_found_in_json_and_its_longer_namesakes_are_not(
    migrated: psycopg.Connection, user: str, ascii_only: bool
) -> None:
    def is_found(text: str) -> bool:
        data = json.dumps({"user_id": text}, ensure_ascii=ascii_only).encode()
        query = "select encode(%s::bytea, 'escape') ~ mention_of(%s)"
        ((found,),) = migrated.execute(query, [data, user]).fetchall()
        return bool(found)

    assert is_found(user)
    # Punctuation is what ids are told apart by: one that consists of it is found wherever it stands.
    if user.isalnum():
        assert [beside for beside in "aZ0-_üо😀" if is_found(user + beside) or is_found(beside + user)] == []


def test_an_erasure_beside_the_running_job_leaves_everybody_else_right(
    sink: PostgresSink, postgres: Server, database: str, migrated: psycopg.Connection
) -> None:
    """The person goes on shopping meanwhile: what is left of anybody is whole."""
    batches = 80
    failed: list[BaseException] = []

    def shop() -> None:
        try:
            for number in range(batches):
                at = NOON + number * MINUTE
                rows = []
                for user in ("u", "v"):
                    click, checkout = Click(at, f"c{number} {user}", user), Checkout(at, f"k{number} {user}", user)
                    rows += [click_row(click), checkout_row(checkout), candidate_row(checkout, click)]
                sink.write(table(*rows), query_id=query_id, batch_id=number)
        except BaseException as error:  # noqa: BLE001 - told by the test's own thread
            failed.append(error)

    query_id = str(uuid4())
    job = threading.Thread(target=shop)
    job.start()
    erased = 0
    while job.is_alive():
        erased += erase(migrated, "u")["raw_clicks"]
    job.join()
    assert failed == []
    assert 0 < erased <= batches
    assert migrated.execute("select order_count from users where user_id = 'v'").fetchall() == [(batches,)]
    half = migrated.execute("""
        select user_id, count(*), max(order_count), count(click_id)
          from attributed_checkouts left join users using (user_id) left join raw_clicks using (click_id, user_id)
         group by user_id having count(*) is distinct from max(order_count) or count(click_id) <> count(*)
    """)
    assert half.fetchall() == []
    assert erased + erase(migrated, "u")["raw_clicks"] == batches
