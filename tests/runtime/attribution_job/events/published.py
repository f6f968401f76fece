"""Streams as folders of JSON lines, which the job's query reads in place of Kinesis."""

import json
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from runtime.attribution_job.events.contract import CHECKOUT, CLICK, Contract
from runtime.attribution_job.events.pages import parse_records
from tests.oracle import Checkout, Click, first_clicks

ARRIVED = "2026-12-01 00:00:00"
SALE = {"total_amount": "1.50", "currency": "EUR"}


class Published:
    """Publishes events to both streams and knows the expected credits."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files = 0
        self.clicks: list[Click] = []
        self.checkouts: list[Checkout] = []
        for contract in (CLICK, CHECKOUT):
            (folder / contract.id).mkdir(parents=True)

    def publish(self, *events: Click | Checkout) -> None:
        """Writes the events to one new file in each stream."""
        self.clicks += [event for event in events if isinstance(event, Click)]
        self.checkouts += [event for event in events if isinstance(event, Checkout)]
        self._write(
            CLICK, [_json(CLICK, e.click_id, e.user_id, e.click_timestamp) for e in events if isinstance(e, Click)]
        )
        self._write(
            CHECKOUT,
            [
                _json(CHECKOUT, e.checkout_id, e.user_id, e.checkout_timestamp)
                for e in events
                if isinstance(e, Checkout)
            ],
        )
        self._files += 1

    def pages(self, spark: SparkSession) -> tuple[DataFrame, DataFrame]:
        """Returns the pages of clicks and of checkouts, with the columns of `sources.read_stream`."""
        clicks, checkouts = (
            parse_records(_records(spark, self._folder / contract.id), contract) for contract in (CLICK, CHECKOUT)
        )
        return clicks, checkouts

    def credits(self) -> dict[str, str | None]:
        return first_clicks(self.clicks, self.checkouts)

    def _write(self, contract: Contract, lines: Iterable[str]) -> None:
        (self._folder / contract.id / f"{self._files}.jsonl").write_text("".join(f"{line}\n" for line in lines))


def _json(contract: Contract, event_id: str, user: str, at: datetime) -> str:
    event = {contract.id: event_id, "user_id": user, contract.timestamp: at.isoformat().replace("+00:00", "Z")}
    return json.dumps(event | (SALE if contract.sale else {}))


def _records(spark: SparkSession, folder: Path) -> DataFrame:
    # `when` makes these columns nullable, as a source's columns are.
    has_value = F.col("value").isNotNull()
    return (
        spark.readStream.schema("value string")
        .text(str(folder))
        .select(
            F.col("value").cast("binary").alias("data"),
            F.when(has_value, folder.name).alias("streamName"),
            F.when(has_value, "").alias("partitionKey"),
            F.when(has_value, F.xxhash64("value").cast("string")).alias("sequenceNumber"),
            F.when(has_value, F.lit(ARRIVED).cast("timestamp")).alias("approximateArrivalTimestamp"),
        )
    )
