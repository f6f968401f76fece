"""The job's way to its database: a login in Secrets Manager, TLS, and what becomes of both while it runs."""

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
    """A port where PostgreSQL speaks TLS as 127.0.0.1, and the authority that says so."""
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
    """The writer's; whatever becomes of the password is undone."""
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
def put(emulator: str) -> Iterator[Callable[[Login], str]]:
    """Makes a login the value of the secret, of which it returns the name."""
    manager = boto3.client("secretsmanager")
    name = f"login-{uuid4()}"
    manager.create_secret(Name=name)

    def put(login: Login) -> str:
        manager.put_secret_value(SecretId=name, SecretString=json.dumps(login))
        return name

    yield put
    manager.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)


@pytest.fixture
def sink(login: Login, put: Callable[[Login], str]) -> Iterator[PostgresSink]:
    sink = PostgresSink(functools.partial(connect, put(login)), "spark", retry_seconds=30)
    yield sink
    sink.close()


def write(sink: PostgresSink, batch_id: int) -> int:
    """A click; returns how many were new."""
    row = click_row(Click(NOON, f"c{batch_id}", "u"))
    return sink.write(table(row), query_id=QUERY, batch_id=batch_id).clicks


def sessions(connection: psycopg.Connection) -> set[int]:
    """The server's processes that the writer is connected to."""
    return {pid for (pid,) in connection.execute("select pid from pg_stat_activity where usename = %s", [WRITER])}


def cut(connection: psycopg.Connection) -> None:
    connection.execute("select pg_terminate_backend(pid, 5000) from pg_stat_activity where usename = %s", [WRITER])


def test_a_password_that_is_rotated_while_the_job_runs_is_read_when_it_next_connects(
    sink: PostgresSink, login: Login, put: Callable[[Login], str], migrated: psycopg.Connection
) -> None:
    """In the order that docs/operations.md gives: the secret, then the database."""
    assert write(sink, 0) == 1
    before = sessions(migrated)
    put(login | {"password": "another one"})
    set_password(migrated, WRITER, "another one")
    assert write(sink, 1) == 1
    assert sessions(migrated) == before, "what is open stays open"
    cut(migrated)
    assert write(sink, 2) == 1
    assert sessions(migrated).isdisjoint(before)


def test_a_password_that_the_secret_does_not_have_yet_is_waited_for(
    sink: PostgresSink,
    login: Login,
    put: Callable[[Login], str],
    migrated: psycopg.Connection,
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert write(sink, 0) == 1
    set_password(migrated, WRITER, "another one")
    cut(migrated)
    with ThreadPoolExecutor() as threads:
        written = threads.submit(write, sink, 1)
        wait_until(lambda: "password authentication failed" in caplog.text)
        put(login | {"password": "another one"})
        assert written.result() == 1
    assert login["password"] not in caplog.text


def test_the_login_of_the_secret_speaks_tls(login: Login, put: Callable[[Login], str]) -> None:
    with connect(put(login)) as connection:
        assert connection.pgconn.ssl_in_use
        assert connection.info.user == WRITER


def test_a_server_of_another_name_is_refused(login: Login, put: Callable[[Login], str]) -> None:
    with pytest.raises(psycopg.OperationalError, match='does not match host name "localhost"'):
        connect(put(login | {"host": "localhost"}))


def test_a_server_that_another_authority_certifies_is_refused(
    login: Login, put: Callable[[Login], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "other.pem"))
    monkeypatch.setenv("PGSSLROOTCERT", str(tmp_path / "other.pem"))
    with pytest.raises(psycopg.OperationalError, match="certificate verify failed"):
        connect(put(login))


def test_a_server_without_tls_is_refused(login: Login, put: Callable[[Login], str], postgres: Server) -> None:
    """The same server and the right password, as somebody in between would offer it."""
    with pytest.raises(psycopg.OperationalError, match="server does not support SSL, but SSL was required"):
        connect(put(login | {"port": postgres.port}))


def test_a_secret_that_is_no_login_is_told_without_what_it_has(put: Callable[[Login], str]) -> None:
    with pytest.raises(KeyError, match="host") as refusal:
        connect(put({"password": "s3cret"}))
    assert "s3cret" not in repr(refusal.value)
