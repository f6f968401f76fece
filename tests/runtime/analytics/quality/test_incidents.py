"""Incidents of the data generator, from the records to the view: each breaches the rule of its name and no other."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pyarrow as pa
import pytest

from runtime.attribution_job.events.contract import CHECKOUT, CLICK
from runtime.attribution_job.events.parsing import read
from runtime.attribution_job.events.schemas import TIME
from runtime.attribution_job.events.tables import concatenate
from runtime.data_generator.incidents import INCIDENTS
from runtime.data_generator.invocation import Invocation
from runtime.data_generator.settings import IncidentName, Settings
from runtime.data_generator.simulation import Record, simulate
from tests.runtime.analytics.conftest import Logins
from tests.runtime.analytics.quality.shop import DAY, evaluate

PERIOD = timedelta(minutes=5)
CLICKS = 2500
# Enough to advance the watermark.
FEW_CLICKS = 250
Rows = dict[str, pa.Table]


def simulated(end: datetime, clicks: int, incident: IncidentName | None = None) -> Rows:
    """Returns the rows of one invocation, as the job reads them. They arrive at its end."""
    settings = Settings(
        clicks_stream="clicks", checkouts_stream="checkouts", clicks=clicks, users=1000, seed=19, incident=incident
    )
    records = simulate(settings, Invocation(end.isoformat(), end))
    streams = (("clicks", CLICK), ("checkouts", CHECKOUT))
    parsed = concatenate([read(_table(records, stream, end), contract) for stream, contract in streams])
    return parsed._asdict()


def _table(records: Sequence[Record], stream: str, end: datetime) -> pa.Table:
    own = [record for record in records if record.stream == stream]
    return pa.table(
        {
            "data": pa.array([record.data for record in own], pa.binary()),
            "streamName": pa.array([stream] * len(own), pa.string()),
            "partitionKey": pa.array([record.partition_key for record in own], pa.string()),
            "sequenceNumber": pa.array([f"{end:%d%H%M}{number:06d}" for number in range(len(own))], pa.string()),
            "approximateArrivalTimestamp": pa.array([end] * len(own), TIME),
        }
    )


@pytest.fixture(scope="module")
def quiet() -> list[Rows]:
    """The same minutes of the day before, and the period before the last one."""
    now = datetime.now(UTC)
    return [
        simulated(now - DAY - PERIOD, FEW_CLICKS),
        simulated(now - DAY, CLICKS),
        simulated(now - PERIOD, FEW_CLICKS),
    ]


def breached(logins: Logins, quiet: Sequence[Rows], incident: IncidentName | None) -> set[str]:
    """Writes quiet periods and one that ends now; returns the rules that are breached then."""
    query_id = str(uuid4())
    for number, rows in enumerate(quiet):
        logins.sink.write(rows, query_id=query_id, batch_id=number)
    # The quiet periods were written when they arrived.
    logins.owner.execute("update raw_clicks set arrived_at = ingested_at")
    logins.sink.write(simulated(datetime.now(UTC), CLICKS, incident), query_id=query_id, batch_id=len(quiet))
    return evaluate(logins.refresher)


@pytest.mark.parametrize("incident", INCIDENTS)
def test_an_incident_breaches_its_rule_and_no_other(logins: Logins, quiet: list[Rows], incident: IncidentName) -> None:
    assert breached(logins, quiet, incident) == {incident}


def test_no_rule_is_breached_without_an_incident(logins: Logins, quiet: list[Rows]) -> None:
    assert breached(logins, quiet, None) == set()
    states = {state for (state,) in logins.analyst.execute("select distinct state from data_quality")}
    assert states == {"sound", "too few"}


def test_every_rule_that_a_producer_can_break_has_an_incident(logins: Logins) -> None:
    rules = {rule for (rule,) in logins.owner.execute("select name from quality_rules")}
    assert rules == INCIDENTS.keys() | {"slow_processing"}
