"""A tunnel from this machine to a deployed database, through the analysts' host and AWS Session Manager."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import boto3
from botocore.exceptions import ClientError

from local.servers import processes, signals
from stacks.certificates import rds_certificates
from stacks.names import HOST_OUTPUT, physical_name

LOCALHOST = "127.0.0.1"
OPEN_SECONDS = 60
# Session Manager's plugin ends the session in AWS when it receives SIGINT, after a round trip. After another signal the
# session stays open until it has been idle for 20 minutes.
CLOSE_SECONDS = 5
DOCUMENT = "AWS-StartPortForwardingSessionToRemoteHost"
GUIDE = "docs/analyst-access.md"
# Programs that the tunnel runs → where to get them.
PROGRAMS = {
    "aws": "https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html",
    "session-manager-plugin": "https://docs.aws.amazon.com/systems-manager/latest/userguide/"
    "session-manager-working-with-install-plugin.html",
}


class TunnelError(Exception):
    """The database cannot be reached; the message names the reason and the remedy."""


@contextmanager
def tunnel(environment: str) -> Iterator[dict[str, str]]:
    """Opens a tunnel to the environment's database; yields libpq's parameters for the analyst's login through it.

    libpq connects to `hostaddr`, this end of the tunnel, and verifies the certificate of `host`, the database. The
    tunnel ends with the block. It carries any number of connections.

    Raises:
        TunnelError: a program or the npm package of the certificates is missing, the environment has no host, the
            login cannot be read, or the session cannot be started.
    """
    for program, source in PROGRAMS.items():
        require(program, source)
    try:
        authorities = rds_certificates()
    except FileNotFoundError as error:
        raise TunnelError(str(error)) from None
    host = host_id(environment)
    login = analyst_login(environment)
    port = processes.free_port()
    with TemporaryDirectory(prefix="tunnel-") as folder:
        certificates = Path(folder) / "rds.pem"
        certificates.write_text(authorities)
        with _session(session_command(host, login, port), host, port, Path(folder) / "session.log"):
            yield {
                "host": login["host"],
                "hostaddr": LOCALHOST,
                "port": str(port),
                "dbname": login["dbname"],
                "user": login["username"],
                "password": login["password"],
                "sslmode": "verify-full",
                "sslrootcert": str(certificates),
            }


def require(program: str, source: str) -> str:
    """Returns the path of a program.

    Raises:
        TunnelError: the program is not installed; the message says where to get it.
    """
    path = shutil.which(program)
    if path is None:
        raise TunnelError(f"{program} is not installed, or not on the PATH: {source}")
    return path


def host_id(environment: str) -> str:
    """Returns the instance id of the analysts' host, from the outputs of the database's stack.

    Raises:
        TunnelError: the stack does not exist or cannot be read, or has no host.
    """
    stack = physical_name(environment, "Database")
    cloudformation = boto3.client("cloudformation")
    try:
        (description,) = cloudformation.describe_stacks(StackName=stack)["Stacks"]
    except ClientError as error:
        raise TunnelError(
            f"cannot read the stack {stack} in {cloudformation.meta.region_name}: {error}. Deploy it"
            f" (make deploy ENV={environment}), or select its account and region (AWS_PROFILE,"
            " AWS_DEFAULT_REGION)"
        ) from None
    outputs = {output["OutputKey"]: output["OutputValue"] for output in description.get("Outputs", [])}
    if HOST_OUTPUT not in outputs:
        raise TunnelError(
            f"{environment} has no host for tunnels: set analyst_host=True for it in stacks/config.py and"
            f" deploy, or use CloudShell, which needs no host ({GUIDE})"
        )
    return outputs[HOST_OUTPUT]


def analyst_login(environment: str) -> dict[str, str]:
    """Returns the analyst's login: host, port, dbname, username and password.

    Raises:
        TunnelError: Secrets Manager does not return the secret.
    """
    name = physical_name(environment, "analyst-login")
    try:
        value = boto3.client("secretsmanager").get_secret_value(SecretId=name)["SecretString"]
    except ClientError as error:
        raise TunnelError(
            f"cannot read the secret {name}: {error}. Analysts need secretsmanager:GetSecretValue for it ({GUIDE})"
        ) from None
    return {key: str(part) for key, part in json.loads(value).items()}


def session_command(host: str, login: dict[str, str], port: int) -> list[str]:
    """Returns the command that forwards `port` of this machine to the database; the password is not part of it."""
    parameters = {"host": [login["host"]], "portNumber": [login["port"]], "localPortNumber": [str(port)]}
    # The AWS CLI takes a default region from more variables than boto3 does.
    region = ["--region", str(boto3.client("ssm").meta.region_name)]
    return [
        *("aws", "ssm", "start-session", *region, "--target", host),
        *("--document-name", DOCUMENT, "--parameters", json.dumps(parameters)),
    ]


@contextmanager
def _session(command: Sequence[str], host: str, port: int, log: Path) -> Iterator[None]:
    """Runs the command within the block, after it listens on `port`.

    Raises:
        TunnelError: the command ended, or did not listen within OPEN_SECONDS; the message has its output.
    """
    # The plugin would also listen on other addresses of this machine, if the user's environment said so.
    environment = os.environ | {"SSM_PLUGIN_LOCAL_HOST": LOCALHOST}
    process = None
    try:
        with signals.deferred():
            process = processes.start(command, environment=environment, log_file=log)
        session = process
        if not processes.wait_until_listening(port, OPEN_SECONDS, lambda: session.poll() is None):
            output = log.read_text(errors="replace").strip()
            raise TunnelError(
                f"the session with {host} did not start: {output or f'no answer within {OPEN_SECONDS} s'}. A new host"
                " needs about two minutes after its deployment"
            )
        yield
    finally:
        if process:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends the session: the AWS CLI waits for its plugin. Kills both after CLOSE_SECONDS."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGINT)
    with suppress(subprocess.TimeoutExpired):
        process.wait(CLOSE_SECONDS)
    processes.kill(process)
