"""The generated shop of docs/analytics.md: three months of simulated events, read and written as by the job."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pyarrow as pa

from local.servers import postgres
from local.servers.postgres import Server
from runtime.analytics.loading import tables
from runtime.analytics.loading.kinds import KINDS
from runtime.analytics.refresh import refresh
from runtime.attribution_job.events.contract import CHECKOUT, CLICK, Contract
from runtime.attribution_job.events.parsing import read
from runtime.attribution_job.events.schemas import TIME
from runtime.attribution_job.events.tables import Parsed, concatenate
from runtime.attribution_job.sink.postgres import PostgresSink
from runtime.data_generator.invocation import Invocation
from runtime.data_generator.settings import Settings
from runtime.data_generator.simulation import Record, simulate

FIRST_DAY = datetime(2026, 8, 1, tzinfo=UTC)
DAYS = 92
DAYS_A_BATCH = 7
SETTINGS = Settings(
    clicks_stream="clicks", checkouts_stream="checkouts", clicks=100, users=2500, period_seconds=86_400, seed=17
)
QUERY = str(UUID(int=17))


def create(server: Server, name: str, inputs: dict[str, str]) -> None:
    """Creates a database with the shop's events, the inputs (CSV by kind), and refreshed models."""
    postgres.create_database(server, name)
    sink = PostgresSink(
        lambda: psycopg.connect(server.url(name, "pipeline_writer"), autocommit=True), "postgres", retry_seconds=30
    )
    for number, rows in enumerate(_batches()):
        sink.write(rows, query_id=QUERY, batch_id=number)
    sink.close()
    with psycopg.connect(server.url(name), autocommit=True) as owner:
        for kind, content in inputs.items():
            tables.load(owner, KINDS[kind], content.encode())
    with psycopg.connect(server.url(name, "pipeline_analytics"), autocommit=True) as refresher:
        refresh(refresher)


def _batches() -> Iterator[dict[str, pa.Table]]:
    """Yields each week's events."""
    days = [FIRST_DAY + timedelta(days=number) for number in range(DAYS)]
    for first in range(0, DAYS, DAYS_A_BATCH):
        parsed = concatenate([part for day in days[first : first + DAYS_A_BATCH] for part in _events(day)])
        yield parsed._asdict()


def _events(day: datetime) -> Iterator[Parsed]:
    """Yields the events of a day by stream. They arrive at its end."""
    records = simulate(SETTINGS, Invocation(f"{day:%Y-%m-%d}", day + timedelta(days=1)))
    for contract in (CLICK, CHECKOUT):
        yield _read(records, contract, day)


def _read(records: Sequence[Record], contract: Contract, day: datetime) -> Parsed:
    stream = "clicks" if contract is CLICK else "checkouts"
    own = [record for record in records if record.stream == stream]
    columns = {
        "data": pa.array([record.data for record in own], pa.binary()),
        "streamName": pa.array([stream] * len(own), pa.string()),
        "partitionKey": pa.array([record.partition_key for record in own], pa.string()),
        "sequenceNumber": pa.array([f"{day:%Y%m%d}{position:06d}" for position in range(len(own))], pa.string()),
        "approximateArrivalTimestamp": pa.array([day + timedelta(days=1)] * len(own), TIME),
    }
    return read(pa.table(columns), contract)
