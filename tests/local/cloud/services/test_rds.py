import stat
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import trustme

from local.cloud.services.rds import Instances, certificate_authority
from runtime.database.connection import verified_connection_string
from runtime.database.migrate import migrate
from tests.local.watching import listeners, listening_on, on_linux


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rds")


@pytest.fixture(scope="module")
def port(folder: Path) -> Iterator[int]:
    """Starts an instance and yields the port of its TLS proxy."""
    with Instances(folder) as instances:
        yield instances.start("shop", database="analytics", user="owner", password="secret")


@pytest.fixture
def trusted(folder: Path, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGSSLROOTCERT", str(certificate_authority(folder)))


def login(port: int, host: str = "127.0.0.1", password: str = "secret") -> str:
    return verified_connection_string(host=host, port=str(port), dbname="analytics", user="owner", password=password)


@pytest.mark.usefixtures("trusted")
def test_the_master_can_migrate_without_being_a_superuser(port: int) -> None:
    with psycopg.connect(login(port), autocommit=True) as connection:
        assert connection.info.parameter_status("is_superuser") == "off"
        assert migrate(connection)
        assert connection.execute("select count(*) from attributed_checkouts").fetchone() == (0,)


@pytest.mark.usefixtures("trusted")
def test_the_proxy_forwards_large_statements_and_results(port: int) -> None:
    with psycopg.connect(login(port)) as connection:
        text = "x" * 5_000_000
        assert connection.execute("select %s || %s", [text, text]).fetchone() == (text + text,)


@pytest.mark.usefixtures("trusted")
def test_a_wrong_password_is_refused_by_postgresql(port: int) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(login(port, password="guess"))


def test_only_the_owner_can_read_the_servers_private_key(folder: Path, port: int) -> None:
    assert stat.S_IMODE((folder / "server.pem").stat().st_mode) == 0o600


@pytest.mark.usefixtures("trusted")
def test_a_host_name_that_differs_from_the_certificate_is_refused(port: int) -> None:
    with pytest.raises(psycopg.OperationalError, match='does not match host name "localhost"'):
        psycopg.connect(login(port, host="localhost"))


def test_a_certificate_of_an_untrusted_authority_is_refused(
    port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "other.pem"))
    monkeypatch.setenv("PGSSLROOTCERT", str(tmp_path / "other.pem"))
    with pytest.raises(psycopg.OperationalError, match="certificate verify failed"):
        psycopg.connect(login(port))


@on_linux
def test_the_proxy_listens_on_the_loopback_address_only(port: int) -> None:
    assert {(listener.address, listener.port) for listener in listeners(listening_on(port))} == {("127.0.0.1", port)}


def test_a_client_without_tls_is_refused(port: int) -> None:
    with pytest.raises(psycopg.OperationalError, match="no encryption"):
        psycopg.connect(f"postgresql://owner:secret@127.0.0.1:{port}/analytics?sslmode=disable")
