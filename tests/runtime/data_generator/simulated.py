"""Helpers of the simulation's tests."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from runtime.data_generator.events import Kind, Stream
from runtime.data_generator.invocation import Invocation
from runtime.data_generator.settings import Settings
from runtime.data_generator.simulation import Record

END = datetime(2026, 5, 5, 10, 5, tzinfo=UTC)
INVOCATION = Invocation("event-1", END)
HOUR = timedelta(hours=1)


def make_settings(**overrides: Any) -> Settings:
    return Settings(clicks_stream="shop-clicks", checkouts_stream="shop-checkouts", **overrides)


def plain_settings(**overrides: Any) -> Settings:
    """Returns settings under which each well-formed record is the JSON of one event, in the plain form."""
    return make_settings(variety=0, **overrides)


def well_formed_events(records: list[Record], stream: Stream) -> list[dict[str, Any]]:
    """Returns the events of a stream's records under `plain_settings`."""
    return [json.loads(record.data) for record in records if record.stream == stream and not record.defect]


def kind_of(event: dict[str, Any]) -> Kind:
    return "click" if "click_id" in event else "refund" if "refund_id" in event else "checkout"


def event_time(event: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(event.get("click_timestamp") or event["checkout_timestamp"])
