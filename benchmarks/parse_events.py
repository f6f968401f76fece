"""Parses event files in this process: `python parse_events.py FOLDER`, with the code to measure on PYTHONPATH.

A script instead of a module of the package, so that the code of an earlier commit can be measured too.
"""

import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa

from runtime.attribution_job.events.contract import CHECKOUT, CLICK
from runtime.attribution_job.events.parsing import read

ROUNDS = 7
ARRIVED = datetime(2026, 12, 1, tzinfo=UTC)


def main(folder: Path) -> None:
    """Prints the shortest time of ROUNDS, and the numbers of events and dead letters."""
    tables = {contract: records(folder / f"{contract.id}.jsonl") for contract in (CLICK, CHECKOUT)}
    seconds = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        parsed = [read(table, contract) for contract, table in tables.items()]
        seconds.append(time.perf_counter() - began)
    dead_letters = sum(len(part[-1]) for part in parsed)
    print(json.dumps({"seconds": min(seconds), "events": sum(map(len, tables.values())), "dead_letters": dead_letters}))


def records(path: Path) -> pa.Table:
    lines = path.read_bytes().splitlines()
    return pa.table(
        {
            "data": pa.array(lines, pa.binary()),
            "streamName": ["stream"] * len(lines),
            "partitionKey": ["key"] * len(lines),
            "sequenceNumber": [f"{number:056d}" for number in range(len(lines))],
            "approximateArrivalTimestamp": pa.array([ARRIVED] * len(lines), pa.timestamp("us", tz="UTC")),
        }
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
