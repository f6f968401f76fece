"""`python -m benchmarks.no_framework FOLDER URL`: the job's parser and sink over event files, without Spark.

The difference to `benchmarks.ours` is the price of Spark: of its checkpoints, its restarts and its other machines. One
thread parses the next micro-batch while the other writes. Prints a line of JSON: `seconds`.
"""

import argparse
import functools
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID

import psycopg
import pyarrow as pa

from benchmarks.file_reader import records
from runtime.attribution_job.events.contract import CHECKOUT, CLICK
from runtime.attribution_job.events.parsing import read
from runtime.attribution_job.events.tables import concatenate
from runtime.attribution_job.sink.postgres import PostgresSink

QUERY_ID = str(UUID(int=0))
FILES_PER_BATCH = 16


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path, help="folder with clicks/ and checkouts/")
    parser.add_argument("url")
    parser.add_argument("--writers", type=int, default=1)
    options = parser.parse_args()
    connect = functools.partial(psycopg.connect, options.url, autocommit=True)
    sink = PostgresSink(connect, "postgres", writers=options.writers)
    sink.open()
    began = time.monotonic()
    for batch_id, rows in enumerate(_read_ahead(options.folder)):
        sink.write(rows, query_id=QUERY_ID, batch_id=batch_id)
    seconds = time.monotonic() - began
    sink.close()
    print(json.dumps({"seconds": seconds}), flush=True)


def _read_ahead(folder: Path) -> Iterator[dict[str, pa.Table]]:
    """Yields the tables of each micro-batch, and parses the next one meanwhile."""
    names = sorted(path.name for path in (folder / "clicks").iterdir())
    with ThreadPoolExecutor(1) as reader:
        following = None
        for files in [names[first : first + FILES_PER_BATCH] for first in range(0, len(names), FILES_PER_BATCH)]:
            current, following = following, reader.submit(_parse, folder, files)
            if current:
                yield current.result()
        if following:
            yield following.result()


def _parse(folder: Path, names: list[str]) -> dict[str, pa.Table]:
    parts = [
        read(pa.Table.from_batches(records(folder / kind / name) for name in names), contract)
        for kind, contract in (("clicks", CLICK), ("checkouts", CHECKOUT))
    ]
    return dict(zip(("click", "checkout", "refund", "dead_letter"), concatenate(parts), strict=True))


if __name__ == "__main__":
    main()
