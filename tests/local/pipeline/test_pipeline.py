import signal
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from local.errors import InputError
from local.folder import holder, locked
from local.pipeline.waiting import wait_until_stored
from local.servers import postgres
from local.servers.database import empty_database
from local.servers.postgres import Server
from local.servers.signals import finishing_first


@pytest.fixture
def data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LOCAL_FOLDER", str(tmp_path))
    return tmp_path


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with postgres.running(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture
def own_url(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """DATABASE_URL, of an empty database."""
    with psycopg.connect(server.url("postgres"), autocommit=True) as admin:
        admin.execute("create database own")
    monkeypatch.setenv("DATABASE_URL", server.url("own"))
    yield server.url("own")
    postgres.drop_database(server, "own")


def say_nothing(_text: str) -> None:
    pass


def test_a_database_of_the_users_own_is_migrated_and_kept(own_url: str) -> None:
    with empty_database("demo", say_nothing, keep=False) as urls:
        assert urls == (own_url, own_url)
    with psycopg.connect(own_url) as connection:
        assert connection.execute("select count(*) from raw_clicks").fetchone() == (0,)


def test_a_database_of_the_users_own_that_holds_events_is_refused_and_untouched(own_url: str) -> None:
    with empty_database("demo", say_nothing, keep=False), psycopg.connect(own_url) as connection:
        connection.execute("insert into dead_letters values ('s', '1', 'k', 'r', '', now())")
    with (
        pytest.raises(InputError, match="already holds events"),
        empty_database("demo", say_nothing, keep=False),
    ):
        pass
    with psycopg.connect(own_url) as connection:
        assert connection.execute("select count(*) from dead_letters").fetchone() == (1,)


def test_a_database_that_cannot_be_reached_is_refused_without_its_password(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", server.url("missing"))
    with (
        pytest.raises(InputError, match="missing") as refusal,
        empty_database("demo", say_nothing, keep=False),
    ):
        pass
    assert server.password not in str(refusal.value)


def test_a_malformed_url_is_refused_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres:/writer:s3cret@db/shop")
    with (
        pytest.raises(InputError, match="DATABASE_URL: expected") as refusal,
        empty_database("demo", say_nothing, keep=False),
    ):
        pass
    assert "s3cret" not in str(refusal.value)


def test_one_run_at_a_time_has_the_data_folder(data_folder: Path) -> None:
    with locked("demo"):
        assert "demo (process " in str(holder())
        with pytest.raises(InputError, match=r"demo \(process \d+\) is using"), locked("replay"):
            pass
    assert holder() is None
    with locked("replay"):
        pass


def test_waiting_ends_when_all_is_stored_or_nothing_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.pipeline.waiting.STALLED_SECONDS", 0.5)
    seen: list[int] = []
    moving = iter([0, 5, 5, 9])
    assert wait_until_stored(9, lambda: next(moving), lambda: None, seen.append)
    assert seen == [0, 5, 5, 9]
    assert not wait_until_stored(9, lambda: 5, lambda: None, seen.append)


def test_the_first_ctrl_c_asks_and_the_second_interrupts() -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        with finishing_first() as asked:
            assert not asked()
            signal.raise_signal(signal.SIGINT)
            assert asked()
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGINT)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
