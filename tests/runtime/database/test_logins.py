"""The job's database login: Secrets Manager, TLS, and password rotation while the job runs."""

import functools
import json
import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import psycopg
import pytest
import trustme

from local.servers import processes
from local.servers.postgres import Server
from runtime.attribution_job.sink.postgres import PostgresSink
from runtime.database.connection import connect
from runtime.database.migrate import set_password
from tests.oracle import Click
from tests.runtime.attribution_job.sink.rows import click_row, table
from tests.waiting import wait_until

QUERY = str(uuid4())
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
WRITER = "pipeline_writer"

Login = dict[str, Any]


@pytest.fixture(scope="module")
def tls(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Path]]:
    """Yields the port of a TLS proxy for PostgreSQL, certified for 127.0.0.1, and the certificate of its authority."""
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
    port = processes.free_port()
    arguments = [str(port), str(postgres.port), str(folder / "server.pem")]
    command = [sys.executable, "-m", "local.cloud.services.tls", *arguments]
    with processes.child(command, environment=os.environ, log_file=folder / "tls.log"):
        assert processes.wait_until_listening(port, 30)
        yield port, folder / "authority.pem"


@pytest.fixture
def login(
    tls: tuple[int, Path], postgres: Server, migrated: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Login]:
    """Yields the writer's login, and restores the password afterwards."""
    port, authority = tls
    monkeypatch.setenv("PGSSLROOTCERT", str(authority))
    yield {
        "host": "127.0.0.1",
        "port": port,
        "dbname": migrated.info.dbname,
        "username": WRITER,
        "password": postgres.password,
    }
    set_password(migrated, WRITER, postgres.password)


@pytest.fixture
def store_login(emulator: str) -> Iterator[Callable[[Login], str]]:
    """Yields a function that stores a login in a secret and returns the secret's name."""
    manager = boto3.client("secretsmanager")
    name = f"login-{uuid4()}"
    manager.create_secret(Name=name)

    def store(login: Login) -> str:
        manager.put_secret_value(SecretId=name, SecretString=json.dumps(login))
        return name

    yield store
    manager.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)


@pytest.fixture
def sink(login: Login, store_login: Callable[[Login], str]) -> Iterator[PostgresSink]:
    sink = PostgresSink(functools.partial(connect, store_login(login)), "spark", retry_seconds=30)
    yield sink
    sink.close()


def write_click(sink: PostgresSink, batch_id: int) -> int:
    """Writes one click, and returns the number of new clicks."""
    row = click_row(Click(NOON, f"c{batch_id}", "u"))
    return sink.write(table(row), query_id=QUERY, batch_id=batch_id).clicks


def sessions(connection: psycopg.Connection) -> set[int]:
    """Returns the server's process ids of the writer's sessions."""
    return {pid for (pid,) in connection.execute("select pid from pg_stat_activity where usename = %s", [WRITER])}


def end_sessions(connection: psycopg.Connection) -> None:
    connection.execute("select pg_terminate_backend(pid, 5000) from pg_stat_activity where usename = %s", [WRITER])


def test_a_rotated_password_is_read_at_the_next_connection(
    sink: PostgresSink, login: Login, store_login: Callable[[Login], str], migrated: psycopg.Connection
) -> None:
    """Changes the secret first, then the database, as docs/operations.md prescribes."""
    assert write_click(sink, 0) == 1
    sessions_before = sessions(migrated)
    store_login(login | {"password": "another one"})
    set_password(migrated, WRITER, "another one")
    assert write_click(sink, 1) == 1
    assert sessions(migrated) == sessions_before, "an open session stays open"
    end_sessions(migrated)
    assert write_click(sink, 2) == 1
    assert sessions(migrated).isdisjoint(sessions_before)


def test_the_sink_retries_until_the_secret_has_the_new_password(
    sink: PostgresSink,
    login: Login,
    store_login: Callable[[Login], str],
    migrated: psycopg.Connection,
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert write_click(sink, 0) == 1
    set_password(migrated, WRITER, "another one")
    end_sessions(migrated)
    with ThreadPoolExecutor() as executor:
        new_clicks = executor.submit(write_click, sink, 1)
        wait_until(lambda: "password authentication failed" in caplog.text)
        store_login(login | {"password": "another one"})
        assert new_clicks.result() == 1
    assert login["password"] not in caplog.text


def test_a_login_from_a_secret_connects_with_tls(login: Login, store_login: Callable[[Login], str]) -> None:
    with connect(store_login(login)) as connection:
        assert connection.pgconn.ssl_in_use
        assert connection.info.user == WRITER


def test_a_server_certified_for_another_host_is_refused(login: Login, store_login: Callable[[Login], str]) -> None:
    with pytest.raises(psycopg.OperationalError, match='does not match host name "localhost"'):
        connect(store_login(login | {"host": "localhost"}))


def test_a_server_certified_by_another_authority_is_refused(
    login: Login, store_login: Callable[[Login], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "other.pem"))
    monkeypatch.setenv("PGSSLROOTCERT", str(tmp_path / "other.pem"))
    with pytest.raises(psycopg.OperationalError, match="certificate verify failed"):
        connect(store_login(login))


def test_a_server_without_tls_is_refused(login: Login, store_login: Callable[[Login], str], postgres: Server) -> None:
    """Connects to the same server without TLS, as a man in the middle would offer it."""
    with pytest.raises(psycopg.OperationalError, match="server does not support SSL, but SSL was required"):
        connect(store_login(login | {"port": postgres.port}))


def test_the_error_of_an_incomplete_secret_omits_its_values(store_login: Callable[[Login], str]) -> None:
    with pytest.raises(KeyError, match="host") as refusal:
        connect(store_login({"password": "s3cret"}))
    assert "s3cret" not in repr(refusal.value)
