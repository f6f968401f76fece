"""Shops send more than plain events: each kind occurs about as often as stated, and is read as it is meant."""

import gzip
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import pyarrow as pa
import pytest

from runtime.attribution_job.events.contract import CHECKOUT, CLICK
from runtime.attribution_job.events.plain import read_plain
from runtime.attribution_job.events.reading import outcomes
from runtime.attribution_job.events.values.robots import is_robot
from runtime.data_generator import senders
from runtime.data_generator.events import Kind
from runtime.data_generator.shop import CHANNELS
from runtime.data_generator.simulation import Record, simulate
from tests.runtime.data_generator.simulated import END, INVOCATION, make_settings, plain_settings

VARIETY = 4.0


class Sent(NamedTuple):
    """An event as it was written and as it is read. `position`: the record's place in publishing order."""

    position: int
    record: Record
    kind: Kind
    written: dict[str, Any]
    read: dict[str, Any]


@pytest.fixture(scope="module")
def records() -> list[Record]:
    return simulate(make_settings(clicks=15_000, variety=VARIETY), INVOCATION)


@pytest.fixture(scope="module")
def sent(records: list[Record]) -> list[Sent]:
    return list(read_all(records))


def read_all(records: list[Record]) -> Iterator[Sent]:
    """Yields every well-formed event, as it arrives at the end of the period."""
    for position, record in enumerate(records):
        if not record.defect:
            for outcome in outcomes(record.data, END, CLICK if record.stream == "clicks" else CHECKOUT):
                assert outcome.event is not None
                assert outcome.contract is not None
                yield Sent(position, record, outcome.contract.kind, json.loads(outcome.data), outcome.event)


def of(sent: list[Sent], kind: Kind) -> list[Sent]:
    return [event for event in sent if event.kind == kind]


def share(sent: list[Sent], kind: Kind, repair: str) -> float:
    events = of(sent, kind)
    return sum(repair in event.read["repairs"] for event in events) / len(events)


def about(rate: float, variety: float = VARIETY) -> Any:
    """Visits differ in length, so the rates of events scatter."""
    return pytest.approx(rate * variety, rel=0.4)


def test_spellings_occur_at_their_rates_and_are_repaired(sent: list[Sent]) -> None:
    assert share(sent, "click", "utm_from_url") == about(0.05)
    assert share(sent, "click", "number_as_id") == about(senders.NUMERIC_IDS)
    assert share(sent, "click", "time_from_number") == about(0.02)
    assert share(sent, "checkout", "amount_from_number") == about(senders.NUMERIC_AMOUNTS)
    assert share(sent, "checkout", "currency_spelling") == about(senders.LOWER_CASE_CURRENCY)
    without_colon = [str(event.written["click_timestamp"]).endswith("+0000") for event in of(sent, "click")]
    assert sum(without_colon) / len(without_colon) == about(0.02)


def test_only_the_meant_repairs_are_made(sent: list[Sent]) -> None:
    for event in sent:
        written, time = event.written, event.written[f"{event.kind}_timestamp"]
        meant = {
            "number_as_id": isinstance(written["user_id"], int),
            "time_from_number": not isinstance(time, str),
            "clock_corrected": event.read["stated_timestamp"] is not None,
            "amount_from_number": isinstance(written.get("total_amount", written.get("amount", "")), float),
            "currency_spelling": written.get("currency", "").islower(),
            "utm_from_url": "utm_source=" in written.get("page_url", ""),
        }
        assert set(event.read["repairs"]) == {name for name, is_meant in meant.items() if is_meant}
        assert event.read["unknown_fields"] == 0


def test_every_spelling_means_the_same_as_the_plain_one(sent: list[Sent]) -> None:
    channels = {(channel.utm_source, channel.utm_medium, channel.utm_campaign) for channel in CHANNELS}
    for event in sent:
        read = event.read
        assert read["user_id"] == event.record.partition_key
        if event.kind == "click":
            assert (read["utm_source"], read["utm_medium"], read["utm_campaign"]) in channels
        else:
            amount = read["total_amount" if event.kind == "checkout" else "amount"]
            assert Decimal(amount) == Decimal(str(event.written.get("total_amount", event.written.get("amount"))))
            assert Decimal(amount).as_tuple().exponent == -2


def test_a_visit_is_written_in_one_way(sent: list[Sent]) -> None:
    ways = defaultdict(set)
    for event in sent:
        if "session_id" in event.written:
            written, time = event.written, event.written[f"{event.kind}_timestamp"]
            style = "+0000" if str(time).endswith("+0000") else type(time).__name__
            ways[written["session_id"]].add((written["user_id"], style, "sent_at" in written))
    assert {len(ways_of_visit) for ways_of_visit in ways.values()} == {1}


def test_robots_make_about_two_percent_of_the_clicks_and_buy_nothing(sent: list[Sent]) -> None:
    clicks = of(sent, "click")
    robots = [event for event in clicks if event.read["is_bot"]]
    assert len(robots) / len(clicks) == about(senders.ROBOTS)
    signs = Counter(
        "flag" if event.written.get("is_bot") else "device" if event.written["device_type"] == "bot" else "agent"
        for event in robots
    )
    assert signs.keys() == {"flag", "device", "agent"}
    assert {event.read["session_id"] for event in robots}.isdisjoint(
        event.read["session_id"] for event in of(sent, "checkout")
    )
    people = {event.written["user_agent"] for event in clicks if "user_agent" in event.written} - set(
        senders.ROBOT_AGENTS
    )
    assert people == set(senders.USER_AGENTS.values())
    assert not any(map(is_robot, people))
    assert all(map(is_robot, senders.ROBOT_AGENTS))


def test_clocks_ahead_are_corrected_and_by_sent_at_where_it_is_stated(sent: list[Sent]) -> None:
    ahead = [event for event in sent if event.read["stated_timestamp"]]
    assert len(ahead) / len(sent) == pytest.approx(senders.CLOCK_AHEAD * VARIETY, rel=0.6)
    by_sent_at = {"sent_at" in event.written for event in ahead}
    assert by_sent_at == {True, False}
    for event in ahead:
        corrected: datetime = event.read[f"{event.kind}_timestamp"]
        assert event.read["stated_timestamp"] > END + timedelta(minutes=5)
        assert corrected <= END
        if "sent_at" not in event.written:
            assert corrected == END


def test_an_event_is_not_sent_before_it_happens(sent: list[Sent]) -> None:
    stating = [event for event in sent if "sent_at" in event.written and event.kind != "refund"]
    assert len(stating) / len(sent) == about(senders.STATES_SENT_AT)
    for event in stating:
        assert event.written["sent_at"] >= event.written[f"{event.kind}_timestamp"]


def test_without_variety_every_event_takes_the_jobs_fast_path() -> None:
    for stream, contract in (("clicks", CLICK), ("checkouts", CHECKOUT)):
        simulated = simulate(plain_settings(clicks=5_000, malformed_share=0), INVOCATION)
        data = [record.data for record in simulated if record.stream == stream]
        batch = pa.record_batch(
            {
                "data": pa.array(data, pa.binary()),
                "sequenceNumber": list(map(str, range(len(data)))),
                "approximateArrivalTimestamp": pa.array([END] * len(data), pa.timestamp("us", "UTC")),
                "record_index": pa.array([0] * len(data), pa.int32()),
            }
        )
        events, *_ = read_plain(batch, contract)
        assert len(events) == len(data) > 0


@pytest.mark.parametrize("packing", ["lines", "objects", "array", "gzip", "kpl"])
def test_packed_records_hold_several_events_of_one_user(records: list[Record], packing: str) -> None:
    def packing_of(data: bytes) -> str:
        if data.startswith(b"\xf3\x89\x9a\xc2"):
            return "kpl"
        if data.startswith(b"\x1f\x8b"):
            gzip.decompress(data)
            return "gzip"
        return "array" if data.startswith(b"[") else "lines" if data.endswith(b"\n") else "objects"

    packed = [record for record in records if record.packed]
    assert len(packed) / len(records) == about(0.02)
    these = [record for record in packed if packing_of(record.data) == packing]
    assert len(these) / len(packed) == pytest.approx(0.2, rel=0.5)
    assert any(record.events > 2 for record in these)
    for record in these:
        assert not record.late
        assert {event.read["user_id"] for event in read_all([record])} == {record.partition_key}
