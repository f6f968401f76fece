"""`python -m local up | down`: the local cloud with the deployed stacks, which outlives the command that started it."""

import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from local.cloud import deployment, emulator
from local.cloud.deployed_job import DeployedJob
from local.cloud.services import HOST
from local.errors import InputError, RunError
from local.folder import data_folder, locked
from local.servers import java, postgres, processes, signals

DEFAULT_PORT = 4566
STARTUP_SECONDS = 60


def cloud_folder() -> Path:
    return data_folder() / "cloud"


def instance_folder() -> Path:
    """Where the database of the deployed stacks has its data."""
    return cloud_folder() / "rds" / "ecommerce-streaming-dev-database"


def endpoint() -> str | None:
    """The URL of the cloud that `up` started, if it runs."""
    found = _server()
    return emulator.url(found[1]) if found else None


def up(port: int, console: Console) -> int:
    """Exit status 0 when every stack is deployed and the job is starting; what failed half-way is left to look at.

    Raises:
        InputError: it is up, or the port is taken.
        RunError: it did not start, or a stack failed.
    """
    since = time.monotonic()

    def say(text: str) -> None:
        console.print(f"[dim]{time.monotonic() - since:6.1f} s[/]  {text}", highlight=False, soft_wrap=True)

    if running := endpoint():
        raise InputError(f"it is up, at {running}; `python -m local down` ends it")
    if processes.is_listening(port):
        raise InputError(f"port {port} of {HOST} is taken: give another one with --port")
    java_home = java.ensure()
    with locked("up"), _ended_when_interrupted():
        clear()
        variables = emulator.environment(cloud_folder(), port, java_home)
        log_file = cloud_folder() / "cloud.log"
        with signals.held():
            process_id = processes.start_detached(
                emulator.command(cloud_folder()), environment=variables, log_file=log_file
            )
            announce(process_id, port)
        if not processes.wait_until_listening(port, STARTUP_SECONDS):
            raise RunError(f"the cloud did not start on {HOST}:{port}; see {log_file}")
        say(f"AWS, as far as it is needed, at {emulator.url(port)}")
        with emulator.reached(emulator.url(port)):
            deployment.deploy(cloud_folder(), say)
            DeployedJob().start()
    say("the job is starting")
    console.print(USAGE.format(url=emulator.url(port)), markup=False, highlight=False, soft_wrap=True)
    return 0


USAGE = """
The data generator runs every 5 minutes, as deployed. To look, and to end it:

  python -m local status
  python -m local logs job --follow
  python -m local psql
  python -m local down

For AWS' own tools, and for `make deploy`, `make diff-deployed` and `make destroy`:

  export AWS_ENDPOINT_URL={url} AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local AWS_REGION=us-east-1
"""


@contextmanager
def _ended_when_interrupted() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        end()
        raise


def down() -> int:
    """Ends the cloud that `up` started, with everything in it; the database's files stay, for `psql`.

    Raises:
        InputError: a demo runs in it.
    """
    with locked("down"):
        end()
    return 0


def end() -> None:
    """Ends it, and says so."""
    found = _server()
    if found is None:
        print("no cloud is up")
    else:
        processes.stop_detached(found[0])
        print(f"ended the cloud at {emulator.url(found[1])}, with all that ran in it")
    _server_file().unlink(missing_ok=True)
    stop_databases()


def announce(process_id: int, port: int) -> None:
    """Lets other commands know of the cloud, for as long as the process lives."""
    _server_file().write_text(json.dumps({"process": process_id, "port": port}))


def clear() -> None:
    """Removes what an earlier cloud left, its database's server included if it was killed."""
    stop_databases()
    shutil.rmtree(cloud_folder(), ignore_errors=True)
    cloud_folder().mkdir(parents=True)


def stop_databases() -> None:
    """Of a cloud that was killed, or ended while they started: they are no children of the cloud's."""
    for folder in (cloud_folder() / "rds").glob("*/"):
        if postgres.running_server(folder):
            postgres.stop(folder)


def _server_file() -> Path:
    return cloud_folder() / "server.json"


def _server() -> tuple[int, int] | None:
    """Process and port."""
    try:
        found = json.loads(_server_file().read_text())
        os.kill(found["process"], 0)
    except (FileNotFoundError, ProcessLookupError):
        return None
    return (found["process"], found["port"]) if processes.is_listening(found["port"]) else None
