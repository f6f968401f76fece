"""The local cloud as a child process, and the environment variables that direct AWS clients to it."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from local.cloud.services import HOST, REGION
from local.cloud.services.rds import certificate_authority
from local.errors import RunError
from local.servers import environ, processes

STARTUP_SECONDS = 60
# The emulator accepts any credentials; boto3 requires that some are set.
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_REGION": REGION,
    "AWS_DEFAULT_REGION": REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
}


@contextmanager
def running(log_file: Path, folder: Path | None = None, java_home: Path | None = None) -> Iterator[str]:
    """Starts the emulator on a free port and yields its URL; stops it, and everything that runs in it, after the block.

    Its data is stored below `folder`, or in a temporary folder. `java_home` is for Spark.

    Raises:
        RunError: the emulator did not listen within STARTUP_SECONDS; the message names its log.
    """
    with ExitStack() as stack:
        if folder is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cloud-")))
        port = processes.free_port()
        process = stack.enter_context(
            processes.child(command(folder), environment=environment(folder, port, java_home), log_file=log_file)
        )
        if not processes.wait_until_listening(port, STARTUP_SECONDS, lambda: process.poll() is None):
            raise RunError(f"the AWS emulator did not start on {HOST}:{port}; see {log_file}")
        yield url(port)


def url(port: int) -> str:
    return f"http://{HOST}:{port}"


def command(folder: Path) -> list[str]:
    return [sys.executable, "-m", "local.cloud", str(folder)]


def environment(folder: Path, port: int, java_home: Path | None = None) -> dict[str, str]:
    """Returns the emulator's environment, which its functions and jobs inherit; `java_home` is for Spark."""
    temporary = folder / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    own = {"BIND_HOST": HOST, "MINISTACK_HOST": HOST, "GATEWAY_PORT": str(port), "LOG_LEVEL": "WARNING"}
    # Disables the MQTT broker, which would listen on every address of the machine.
    own |= {"IOT_MTLS_ENABLED": "0"}
    # A variable of libpq: https://www.postgresql.org/docs/current/libpq-envars.html
    trust = {"PGSSLROOTCERT": str(certificate_authority(folder / "rds"))}
    java = {"JAVA_HOME": str(java_home)} if java_home else {}
    return inherited | own | trust | java | client_environment(url(port)) | {"TMPDIR": str(temporary)}


def client_environment(endpoint: str) -> dict[str, str]:
    """Returns the variables that direct AWS' tools and libraries to the emulator at `endpoint`."""
    no_proxy = ",".join(filter(None, [os.environ.get("NO_PROXY"), HOST]))
    return CREDENTIALS | {"AWS_ENDPOINT_URL": endpoint, "NO_PROXY": no_proxy}


def reached(endpoint: str) -> AbstractContextManager[None]:
    """Directs this process' AWS libraries to the emulator at `endpoint`, and to no other account, within the block."""
    return environ.changed(client_environment(endpoint), without="AWS_")
