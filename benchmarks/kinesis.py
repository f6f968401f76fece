"""The *kinesis* workload: the job's rate through the emulator's Kinesis, against its rate from files."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import boto3

from benchmarks.credit_check import check_credits, query_number
from benchmarks.events import KINDS, USER_ID, Shape
from benchmarks.file_runs import describe_run, make_events, run_job, run_ours
from benchmarks.workload import PrintLine
from local.cloud import emulator
from local.servers.postgres import Server
from runtime.data_generator.events import Stream
from runtime.data_generator.publishing import publish
from runtime.data_generator.simulation import Record

STREAMS = "bench"
# Batches of the same size on both sides: four files have 110,000 events.
FILES_PER_BATCH = 4
RECORDS_PER_BATCH = 100_000
# As many as the measured rate needs: a shard gives 2 MB a second.
SHARDS: dict[Stream, int] = {"clicks": 16, "checkouts": 4}
CHUNK = 5_000
# Events a second from the first commit with events to the last one.
RATE = """
select round(sum(events) filter (where place > 1) / extract(epoch from max(committed_at) - min(committed_at)))::int
  from (select clicks + checkouts as events, committed_at, row_number() over (order by committed_at) as place
          from batches where clicks + checkouts > 0) batch
"""


def kinesis(server: Server, folder: Path, scale: float, print_line: PrintLine) -> dict[str, Any]:
    """Measures the job twice from files and twice through Kinesis, with the join in PostgreSQL.

    The events wait in the streams when the job starts. The emulator answers on the same cores. A rate counts from the
    first commit on: the start of the job is no part of catching up. The runs' `seconds` include it.
    """
    shape = Shape(clicks=int(1e6 * scale), checkouts=int(1e5 * scale), users=100_000, hours=2)
    data, truth = make_events(shape, folder, print_line, shards=False)
    result: dict[str, Any] = {"events": shape.events, "runs": {}}
    with emulator.running(folder / "emulator.log") as url, emulator.reached(url):
        print_line("  publishing")
        _publish(data)
        variables = emulator.client_environment(url)
        for turn in (1, 2):
            files = run_ours(server, data, "postgres", truth, folder, files_per_batch=FILES_PER_BATCH)
            files["events_per_second"] = query_number(server, RATE)
            options = ["--events", str(shape.events), "--records_per_batch", str(RECORDS_PER_BATCH)]
            stream = run_job(server, STREAMS, "postgres", folder, options, variables=variables)
            stream["events_per_second"] = query_number(server, RATE)
            check_credits(stream, truth)
            result["runs"] |= {f"files, {turn}": files, f"kinesis, {turn}": stream}
            for name in (f"files, {turn}", f"kinesis, {turn}"):
                run = result["runs"][name]
                print_line(
                    f"  {name}: {describe_run(shape, run)}; {run['events_per_second']:,} from the first commit on"
                )
    rates = {
        source: max(run["events_per_second"] for name, run in result["runs"].items() if name.startswith(source))
        for source in ("files", "kinesis")
    }
    result["events_per_second"] = rates["kinesis"]
    result["kinesis_ratio"] = rates["kinesis"] / rates["files"]
    return result


def _publish(data: Path) -> None:
    client = boto3.client("kinesis")
    streams: dict[Stream, str] = {kind: f"{STREAMS}-{kind}" for kind in SHARDS}
    for kind, shards in SHARDS.items():
        client.create_stream(StreamName=streams[kind], ShardCount=shards)
    records = _records(data)
    while chunk := list(islice(records, CHUNK)):
        publish(client, streams, chunk, 300)


def _records(data: Path) -> Iterator[Record]:
    """Yields the events of the files in order of arrival."""
    for path in sorted((data / "clicks").iterdir()):
        for kind in KINDS:
            for line in (data / kind / path.name).read_text().splitlines():
                match = USER_ID.search(line)
                user = match[1] if match else "unknown"
                yield Record(
                    "clicks" if kind == "clicks" else "checkouts", user, line.encode(), late=False, defect=None
                )
