"""The servers that stay up from seed to seed."""

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
    """An emulator and a PostgreSQL of their own below `folder`, in place of what a killed run left there."""
    disk, cluster = folder / "disk", folder / "postgres"
    if postgres.running_server(cluster):
        postgres.stop(cluster)
    database_faults.unmount(disk)
    shutil.rmtree(folder, ignore_errors=True)
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        kinesis_url = stack.enter_context(emulator.running(folder / "emulator.log"))
        try:
            small = stack.enter_context(database_faults.small_disk(disk))
        except PermissionError:
            small = None
        # Ends before its disk does.
        server = stack.enter_context(postgres.running(cluster))
        if small:
            with psycopg.connect(server.url("postgres"), autocommit=True) as admin:
                database_faults.create_tablespace(admin, small)
        yield Servers(
            kinesis_url=kinesis_url,
            postgres=server,
            postgres_folder=cluster,
            disk=small,
            java_home=java_home,
            java_options=java_options,
        )
