import signal
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from local.errors import InputError
from local.folder import lock_holder, locked
from local.pipeline.waiting import wait_until_stored
from local.servers import postgres
from local.servers.database import empty_database
from local.servers.postgres import Server
from local.servers.signals import graceful_stop


@pytest.fixture
def data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LOCAL_FOLDER", str(tmp_path))
    return tmp_path


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with postgres.running(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture
def user_url(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Sets DATABASE_URL to the URL of an empty database, and returns it."""
    with psycopg.connect(server.url("postgres"), autocommit=True) as admin:
        admin.execute("create database shop")
    monkeypatch.setenv("DATABASE_URL", server.url("shop"))
    yield server.url("shop")
    postgres.drop_database(server, "shop")


def say_nothing(_text: str) -> None:
    pass


def test_the_database_of_database_url_is_migrated_and_kept(user_url: str) -> None:
    with empty_database("demo", say_nothing, keep=False) as urls:
        assert urls == (user_url, user_url)
    with psycopg.connect(user_url) as connection:
        assert connection.execute("select count(*) from raw_clicks").fetchone() == (0,)


def test_a_database_url_with_events_is_refused_and_not_changed(user_url: str) -> None:
    with empty_database("demo", say_nothing, keep=False), psycopg.connect(user_url) as connection:
        connection.execute("insert into dead_letters values ('s', '1', 'k', 'r', '', now())")
    with (
        pytest.raises(InputError, match="already holds events"),
        empty_database("demo", say_nothing, keep=False),
    ):
        pass
    with psycopg.connect(user_url) as connection:
        assert connection.execute("select count(*) from dead_letters").fetchone() == (1,)


def test_an_unreachable_database_is_refused_without_printing_its_password(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", server.url("missing"))
    with (
        pytest.raises(InputError, match="missing") as refusal,
        empty_database("demo", say_nothing, keep=False),
    ):
        pass
    assert server.password not in str(refusal.value)


def test_a_malformed_url_is_refused_without_printing_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres:/writer:s3cret@db/shop")
    with (
        pytest.raises(InputError, match="DATABASE_URL: expected") as refusal,
        empty_database("demo", say_nothing, keep=False),
    ):
        pass
    assert "s3cret" not in str(refusal.value)


def test_one_command_at_a_time_holds_the_data_folder(data_folder: Path) -> None:
    with locked("demo"):
        assert "demo (process " in str(lock_holder())
        with pytest.raises(InputError, match=r"demo \(process \d+\) is using"), locked("replay"):
            pass
    assert lock_holder() is None
    with locked("replay"):
        pass


def test_waiting_ends_when_all_is_stored_or_progress_stalls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.pipeline.waiting.STALLED_SECONDS", 0.5)
    shown_counts: list[int] = []
    counts = iter([0, 5, 5, 9])
    assert wait_until_stored(9, lambda: next(counts), lambda: None, shown_counts.append)
    assert shown_counts == [0, 5, 5, 9]
    assert not wait_until_stored(9, lambda: 5, lambda: None, shown_counts.append)


def test_the_first_signal_requests_a_stop_and_the_second_interrupts() -> None:
    previous_handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        with graceful_stop() as stop_requested:
            assert not stop_requested()
            signal.raise_signal(signal.SIGINT)
            assert stop_requested()
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGINT)
    finally:
        for number, handler in previous_handlers.items():
            signal.signal(number, handler)
