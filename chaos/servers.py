"""Starts the servers that all seeds of a worker share."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg

from chaos import database_faults
from chaos.rig import Servers
from local.cloud import emulator
from local.servers import postgres


@contextmanager
def running(folder: Path, *, java_home: Path | None, java_options: Sequence[str]) -> Iterator[Servers]:
    """Starts an emulator and a PostgreSQL below `folder`, after removing the remains of a killed run."""
    disk, cluster = folder / "disk", folder / "postgres"
    if postgres.running_server(cluster):
        postgres.stop(cluster)
    database_faults.unmount(disk)
    shutil.rmtree(folder, ignore_errors=True)
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        kinesis_url = stack.enter_context(emulator.running(folder / "emulator.log"))
        try:
            tablespace = stack.enter_context(database_faults.small_disk(disk))
        except PermissionError:
            tablespace = None
        # Entered after the disk, so that the server stops before the disk is unmounted.
        server = stack.enter_context(postgres.running(cluster))
        if tablespace:
            with psycopg.connect(server.url("postgres"), autocommit=True) as admin:
                database_faults.create_tablespace(admin, tablespace)
        yield Servers(
            kinesis_url=kinesis_url,
            postgres=server,
            postgres_folder=cluster,
            disk=tablespace,
            java_home=java_home,
            java_options=java_options,
        )
