"""Tests of the tunnel with the emulator's CloudFormation and Secrets Manager, and with a real PostgreSQL behind TLS."""

import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import psycopg
import pytest
from botocore.exceptions import ClientError

from local.cloud.services import rds
from local.cloud.services.rds import Instances, certificate_authority
from local.servers import processes
from stacks import tunnel as module
from stacks.psql import psql
from stacks.tunnel import DOCUMENT, TunnelError, tunnel
from tests.stacks.session_programs import DATABASE, HOST, LOGIN, SECRET, deployed, has_recorded, install, recorded


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the stand-ins, first on the PATH."""
    install(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(module, "rds_certificates", lambda: "-----BEGIN CERTIFICATE-----\n")
    return tmp_path


@pytest.fixture
def in_the_cloud(emulator: str) -> Iterator[None]:
    with deployed({"AnalystHostId": HOST}, LOGIN):
        yield


def open_and_close() -> None:
    with tunnel("dev"):
        pass


@pytest.mark.usefixtures("in_the_cloud")
def test_the_session_forwards_a_free_port_to_the_database_through_the_host(programs: Path) -> None:
    with tunnel("dev") as parameters:
        assert processes.is_listening(int(parameters["port"]))
    arguments = recorded(programs, "aws")["arguments"]
    options = dict(zip(arguments[2::2], arguments[3::2], strict=True))
    assert arguments[:2] == ["ssm", "start-session"]
    assert options.pop("--parameters") == json.dumps(
        {"host": [DATABASE], "portNumber": ["5432"], "localPortNumber": [parameters["port"]]}
    )
    assert options == {"--region": "us-east-1", "--target": HOST, "--document-name": DOCUMENT}
    assert recorded(programs, "plugin")["local_host"] == "127.0.0.1"


@pytest.mark.usefixtures("in_the_cloud")
def test_the_parameters_verify_the_database_at_this_end_of_the_tunnel(programs: Path) -> None:
    with tunnel("dev") as parameters:
        authorities = Path(parameters.pop("sslrootcert"))
        assert authorities.read_text() == "-----BEGIN CERTIFICATE-----\n"
        assert parameters.pop("port").isdecimal()
        assert parameters == {
            "host": DATABASE,
            "hostaddr": "127.0.0.1",
            "dbname": "analytics",
            "user": "pipeline_analyst",
            "password": "s3cret",
            "sslmode": "verify-full",
        }
    assert not authorities.parent.exists()


@pytest.mark.usefixtures("in_the_cloud")
def test_the_session_ends_with_the_block_and_with_an_exception(programs: Path) -> None:
    with pytest.raises(ZeroDivisionError), tunnel("dev") as parameters:
        raise ZeroDivisionError
    assert has_recorded(programs, "end")
    assert not processes.is_listening(int(parameters["port"]))
    for name in ("aws", "plugin"):
        with pytest.raises(ProcessLookupError):
            os.kill(recorded(programs, name)["pid"], 0)


@pytest.mark.usefixtures("in_the_cloud")
def test_a_refused_session_shows_the_output_of_the_aws_cli(programs: Path) -> None:
    refusal = "An error occurred (TargetNotConnected) when calling the StartSession operation: it is not connected."
    (programs / "refusal").write_text(refusal)
    with pytest.raises(TunnelError, match=r"session with i-0123456789abcdef0 did not start: .*TargetNotConnected"):
        open_and_close()


@pytest.mark.usefixtures("in_the_cloud")
def test_a_session_that_never_listens_is_given_up_and_ended(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (programs / "deaf").touch()
    monkeypatch.setattr(module, "OPEN_SECONDS", 2)
    with pytest.raises(TunnelError, match="no answer within 2 s"):
        open_and_close()
    assert has_recorded(programs, "end")


@pytest.mark.parametrize("program", ["aws", "session-manager-plugin"])
def test_a_missing_program_is_an_error_with_its_source(
    program: str, programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (programs / program).unlink()
    monkeypatch.setenv("PATH", str(programs))
    with pytest.raises(TunnelError, match=f"{program} is not installed, or not on the PATH: https://docs.aws"):
        open_and_close()


@pytest.mark.usefixtures("programs")
def test_missing_certificates_are_an_error_with_the_install_command(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> str:
        raise FileNotFoundError("defaults.js does not exist: run `npm ci`")

    monkeypatch.setattr(module, "rds_certificates", missing)
    with pytest.raises(TunnelError, match="run `npm ci`"):
        open_and_close()


@pytest.mark.usefixtures("programs", "emulator")
def test_an_environment_that_is_not_deployed_is_an_error_with_the_command() -> None:
    with pytest.raises(TunnelError, match=r"stack ecommerce-streaming-dev-Database in us-east-1.*make deploy ENV=dev"):
        open_and_close()


@pytest.mark.usefixtures("programs", "emulator")
def test_an_environment_without_a_host_is_an_error_that_names_the_setting() -> None:
    with deployed({"Other": "value"}, LOGIN), pytest.raises(TunnelError, match=r"set analyst_host=True .* CloudShell"):
        open_and_close()


@pytest.mark.usefixtures("programs")
def test_a_login_that_iam_refuses_is_an_error_with_the_permission(
    in_the_cloud: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: object) -> Any:
        # The emulator checks no policy.
        error = {"Error": {"Code": "AccessDeniedException", "Message": "User analyst is not authorized"}}
        raise ClientError(error, "GetSecretValue")  # type: ignore[arg-type]

    session = boto3.Session()
    session.events.register("before-call.secretsmanager.GetSecretValue", refuse)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", session)
    with pytest.raises(TunnelError, match=f"cannot read the secret {SECRET}: .*not authorized.*GetSecretValue"):
        open_and_close()


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, int]]:
    """A PostgreSQL behind TLS with a certificate for DATABASE: the authority's file, and the port."""
    folder = tmp_path_factory.mktemp("rds")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rds, "HOST", DATABASE)
        instances = Instances(folder).__enter__()
    try:
        port = instances.start("shop", database="analytics", user="pipeline_analyst", password="s3cret")
        yield certificate_authority(folder), port
    finally:
        instances.__exit__()


@pytest.fixture
def trusted(database: tuple[Path, int], programs: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The login of a database whose authority the tunnel trusts."""
    authority, port = database
    monkeypatch.setattr(module, "rds_certificates", authority.read_text)
    return LOGIN | {"port": str(port)}


@pytest.mark.usefixtures("emulator")
def test_clients_reach_the_database_and_verify_its_name_through_the_tunnel(trusted: dict[str, str]) -> None:
    with deployed({"AnalystHostId": HOST}, trusted), tunnel("dev") as parameters:
        for _ in range(2):
            with psycopg.connect(**parameters) as connection:  # type: ignore[arg-type]
                assert connection.execute("select current_user").fetchone() == ("pipeline_analyst",)


@pytest.mark.usefixtures("emulator")
def test_a_server_with_another_name_is_refused(trusted: dict[str, str]) -> None:
    impostor = trusted | {"host": "other.example"}
    with (
        deployed({"AnalystHostId": HOST}, impostor),
        tunnel("dev") as parameters,
        pytest.raises(psycopg.OperationalError, match="does not match host name"),
    ):
        psycopg.connect(**parameters)  # type: ignore[arg-type]


@pytest.mark.usefixtures("emulator")
def test_a_server_of_another_authority_is_refused(
    trusted: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Instances(tmp_path / "other"):
        monkeypatch.setattr(module, "rds_certificates", certificate_authority(tmp_path / "other").read_text)
    with (
        deployed({"AnalystHostId": HOST}, trusted),
        tunnel("dev") as parameters,
        pytest.raises(psycopg.OperationalError, match="certificate verify failed"),
    ):
        psycopg.connect(**parameters)  # type: ignore[arg-type]


@pytest.mark.usefixtures("emulator")
@pytest.mark.skipif(not shutil.which("psql"), reason="needs psql")
def test_the_real_psql_reads_through_the_tunnel(trusted: dict[str, str], capfd: pytest.CaptureFixture[str]) -> None:
    program = shutil.which("psql", path=os.environ["PATH"].partition(os.pathsep)[2])
    assert program
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGQUIT)}
    try:
        with deployed({"AnalystHostId": HOST}, trusted), tunnel("dev") as parameters:
            assert psql(program, parameters, ["-Atc", "select current_user, inet_server_addr()"]) == 0
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert capfd.readouterr().out.startswith("pipeline_analyst|127.0.0.1")
