"""The command warm-up, which records the class-data archive of `local.servers.class_archive`."""

import time
from pathlib import Path

import psycopg
from rich.console import Console

from local.errors import RunError
from local.folder import locked
from local.pipeline import undeployed, waiting
from local.pipeline.publisher import Publisher
from local.pipeline.waiting import rows_stored
from local.servers.class_archive import archive

DATABASE = "warm_up"
EVENTS_PER_SECOND = 100
# Long enough for the first batch and some regular ones.
SECONDS = 40


def run(java_home: Path | None, console: Console) -> int:
    """Runs the pipeline for some batches and stores the archive that its job records. Returns exit status 0.

    Raises:
        InputError: see `undeployed.running`.
        RunError: the job ended or recorded no archive; see also `undeployed.running`.
    """
    new_archive = archive().with_suffix(".new")
    new_archive.unlink(missing_ok=True)
    console.print("recording the classes that Spark loads, once, for faster starts of the job (about a minute)")
    options = [f"-XX:ArchiveClassesAtExit={new_archive}", "-Xlog:cds=off", "-Xlog:cds+dynamic=off"]
    with (
        locked("warm-up"),
        undeployed.running(
            DATABASE, lambda _: None, java_home=java_home, keep_database=False, java_options=options
        ) as parts,
        psycopg.connect(parts.database_url, autocommit=True) as connection,
    ):
        with Publisher(EVENTS_PER_SECOND) as publisher:
            deadline = time.monotonic() + SECONDS
            while time.monotonic() < deadline:
                parts.job.check()
                time.sleep(0.2)
        waiting.wait_until_stored(publisher.published, lambda: rows_stored(connection), parts.job.check, lambda _: None)
        parts.job.stop()
    if not new_archive.exists():
        raise RunError(f"the job recorded no class archive; {parts.job.where_to_look()}")
    new_archive.replace(archive())
    console.print(f"recorded the classes in {archive()}")
    return 0
