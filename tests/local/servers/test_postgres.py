import os
import pwd
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from local.servers import postgres
from local.servers.postgres import Server
from tests.local.watching import listeners, listening_on, on_linux


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a folder whose parent only the owner may enter, such as a home folder."""
    parent = tmp_path_factory.mktemp("private")
    parent.chmod(0o700)
    return parent / "postgres"


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    with postgres.running(folder) as server:
        yield server


def test_the_server_runs_below_a_private_folder(server: Server) -> None:
    with psycopg.connect(server.url("postgres")) as connection:
        assert connection.execute("select 1").fetchone() == (1,)


def test_a_login_requires_the_password(server: Server) -> None:
    for password in ("", "wrong"):
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(host="127.0.0.1", port=server.port, user="postgres", dbname="postgres", password=password)


def test_only_the_owner_may_read_the_password_file(server: Server, folder: Path) -> None:
    password = folder / "password"
    assert stat.S_IMODE(password.stat().st_mode) == 0o600
    assert password.read_text() == server.password
    assert len(server.password) >= 32


def test_the_server_listens_on_the_loopback_address_only(server: Server) -> None:
    with psycopg.connect(server.url("postgres")) as connection:
        query = "select current_setting('listen_addresses'), current_setting('unix_socket_directories')"
        shown = connection.execute(query)
        assert shown.fetchone() == ("127.0.0.1", "")
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.2", server.port)) != 0


@on_linux
def test_the_server_has_no_other_listener(server: Server) -> None:
    """In particular no Unix socket, whose permissions would have to be checked."""
    addresses = {(listener.address, listener.port) for listener in listeners(listening_on(server.port))}
    assert addresses == {("127.0.0.1", server.port)}


def test_every_login_rule_requires_a_password(server: Server) -> None:
    with psycopg.connect(server.url("postgres")) as connection:
        rules = connection.execute("select type, auth_method from pg_hba_file_rules").fetchall()
    assert {kind for kind, _ in rules} == {"local", "host"}
    assert {method for _, method in rules} == {"scram-sha-256"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can run the server as another user")
def test_root_runs_the_server_as_an_unprivileged_user(server: Server, folder: Path) -> None:
    pid = (folder / "data" / "postmaster.pid").read_text().splitlines()[0]
    assert Path(f"/proc/{pid}").stat().st_uid == pwd.getpwnam(postgres.UNPRIVILEGED_USER).pw_uid


def test_a_recreated_database_is_empty_and_accepts_both_roles(server: Server) -> None:
    for _ in range(2):
        postgres.create_database(server, "shop")
        with psycopg.connect(server.url("shop", "pipeline_writer"), autocommit=True) as connection:
            assert connection.execute("select count(*) from raw_clicks").fetchone() == (0,)
            connection.execute(
                "insert into raw_clicks (click_id, user_id, click_timestamp, arrived_at, late)"
                " values ('c', 'u', now(), now(), false)"
            )
        with psycopg.connect(server.url("shop", "pipeline_analyst")) as connection:
            assert connection.execute("select count(*) from raw_clicks").fetchone() == (1,)
    postgres.drop_database(server, "shop")


def test_the_last_user_stops_the_server_and_the_data_remains(tmp_path: Path) -> None:
    with postgres.running(tmp_path) as first:
        with postgres.running(tmp_path) as second:
            assert second == first
            postgres.create_database(second, "shop")
        assert postgres.running_server(tmp_path) == first
    assert postgres.running_server(tmp_path) is None
    with postgres.running(tmp_path) as third, psycopg.connect(third.url("shop")) as connection:
        assert connection.execute("select count(*) from raw_clicks").fetchone() == (0,)


def test_a_failed_start_raises_an_error_with_the_output(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "PG_VERSION").write_text("9.6\n")
    (tmp_path / "password").write_text("")
    with (
        pytest.raises(postgres.PostgresError, match="pg_ctl of the embedded PostgreSQL failed: "),
        postgres.running(tmp_path),
    ):
        pass
