"""`python -m local up | down`: starts and ends a local cloud that keeps running between commands."""

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
    """Returns the data folder of the deployed database."""
    return cloud_folder() / "rds" / "ecommerce-streaming-dev-database"


def endpoint() -> str | None:
    """Returns the URL of the cloud that `up` started; None when no cloud is running."""
    server = _server()
    return emulator.url(server[1]) if server else None


def up(port: int, console: Console) -> int:
    """Starts the cloud, deploys every stack, starts the job and returns exit status 0.

    After a failed deployment the cloud keeps running, for inspection.

    Raises:
        InputError: a cloud is already running, or the port is in use.
        RunError: the cloud did not start, or a stack failed.
    """
    start = time.monotonic()

    def say(text: str) -> None:
        console.print(f"[dim]{time.monotonic() - start:6.1f} s[/]  {text}", highlight=False, soft_wrap=True)

    if running := endpoint():
        raise InputError(f"a cloud is already running at {running}; end it with `python -m local down`")
    if processes.is_listening(port):
        raise InputError(f"port {port} of {HOST} is in use; choose another port with --port")
    java_home = java.ensure()
    with locked("up"), _ended_when_interrupted():
        clear()
        variables = emulator.environment(cloud_folder(), port, java_home)
        log_file = cloud_folder() / "cloud.log"
        with signals.deferred():
            process_id = processes.start_detached(
                emulator.command(cloud_folder()), environment=variables, log_file=log_file
            )
            announce(process_id, port)
        if not processes.wait_until_listening(port, STARTUP_SECONDS):
            raise RunError(f"the cloud did not start on {HOST}:{port}; see {log_file}")
        say(f"the AWS emulator is running at {emulator.url(port)}")
        with emulator.reached(emulator.url(port)):
            deployment.deploy(cloud_folder(), say)
            DeployedJob().start()
    say("the job is starting")
    console.print(USAGE.format(url=emulator.url(port)), markup=False, highlight=False, soft_wrap=True)
    return 0


USAGE = """
The data generator runs every 5 minutes, as deployed. To inspect and to end the cloud:

  python -m local status
  python -m local logs job --follow
  python -m local psql
  python -m local down

To use AWS' own tools, `make deploy`, `make diff-deployed` and `make destroy`:

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
    """Ends the cloud that `up` started and everything that runs in it; the database's files stay, for `psql`.

    Raises:
        InputError: another command, such as a demo, is using the cloud.
    """
    with locked("down"):
        end()
    return 0


def end() -> None:
    """Ends the running cloud, if there is one, and prints the outcome."""
    server = _server()
    if server is None:
        print("no cloud is running")
    else:
        process_id, port = server
        processes.stop_detached(process_id)
        print(f"ended the cloud at {emulator.url(port)} and everything that ran in it")
    _server_file().unlink(missing_ok=True)
    stop_databases()


def announce(process_id: int, port: int) -> None:
    """Records the cloud's process and port, by which other commands find the cloud."""
    _server_file().write_text(json.dumps({"process": process_id, "port": port}))


def clear() -> None:
    """Removes the files of an earlier cloud, and stops database servers that outlived it."""
    stop_databases()
    shutil.rmtree(cloud_folder(), ignore_errors=True)
    cloud_folder().mkdir(parents=True)


def stop_databases() -> None:
    """Stops the database servers of the cloud. They outlive a cloud that was killed, or that ended during their start,
    because they are no child processes of the cloud.
    """
    for folder in (cloud_folder() / "rds").glob("*/"):
        if postgres.running_server(folder):
            postgres.stop(folder)


def _server_file() -> Path:
    return cloud_folder() / "server.json"


def _server() -> tuple[int, int] | None:
    """Returns the running cloud's process id and port."""
    try:
        server = json.loads(_server_file().read_text())
        os.kill(server["process"], 0)
    except (FileNotFoundError, ProcessLookupError):
        return None
    return (server["process"], server["port"]) if processes.is_listening(server["port"]) else None
