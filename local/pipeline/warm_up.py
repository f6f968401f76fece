"""`python -m local warm-up`: records the classes that the job loads, so that every later start is seconds faster.

Java maps such an archive into memory instead of reading, checking and linking some 20,000 classes from jar files:
https://docs.oracle.com/en/java/javase/17/vm/class-data-sharing.html. It belongs to one Java and one set of jars, and is
passed over where these have changed.
"""

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
# The first batch, and some like those that follow.
SECONDS = 40


def run(java_home: Path | None, console: Console) -> int:
    """Runs the pipeline for some batches and keeps the classes of its job; exit status 0.

    Raises:
        InputError, RunError: see `undeployed.running`; the job left no archive.
    """
    recorded = archive().with_suffix(".new")
    recorded.unlink(missing_ok=True)
    console.print("recording the classes that Spark loads, once, so that the pipeline starts faster (about a minute)")
    options = [f"-XX:ArchiveClassesAtExit={recorded}", "-Xlog:cds=off", "-Xlog:cds+dynamic=off"]
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
    if not recorded.exists():
        raise RunError(f"Java recorded no classes; {parts.job.where_to_look()}")
    recorded.replace(archive())
    console.print(f"recorded in {archive()}")
    return 0
