import hashlib
import json
import os
import re
import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.attribution_job.events.contract import CHECKOUT, CLICK
from runtime.attribution_job.events.reading import outcomes
from runtime.data_generator.events import TIMESTAMP_FIELD
from runtime.data_generator.invocation import Invocation
from runtime.data_generator.settings import Settings
from runtime.data_generator.simulation import fingerprint, simulate
from tests.runtime.data_generator.simulated import (
    END,
    HOUR,
    INVOCATION,
    event_time,
    kind_of,
    make_settings,
    well_formed_events,
)

FIELDS = {
    "clicks": [
        "schema_version",
        "click_id",
        "user_id",
        "session_id",
        "product_id",
        "page_url",
        "referrer",
        "utm_source",
        "utm_medium",
        "utm_campaign",
        "device_type",
        "experiment_id",
        "variant",
        "click_timestamp",
    ],
    "checkouts": [
        "schema_version",
        "checkout_id",
        "user_id",
        "session_id",
        "items",
        "total_amount",
        "currency",
        "payment_method",
        "checkout_timestamp",
    ],
}
NULLABLE = {"referrer", "utm_source", "utm_medium", "utm_campaign", "experiment_id", "variant"}


def test_the_same_event_gives_the_same_bytes() -> None:
    assert simulate(make_settings(), INVOCATION) == simulate(make_settings(), INVOCATION)


@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_the_same_event_gives_the_same_bytes_in_every_process(hash_seed: str) -> None:
    program = (
        "import hashlib; from runtime.data_generator.simulation import simulate; "
        "from tests.runtime.data_generator.simulated import INVOCATION, make_settings; "
        "print(hashlib.sha256(repr(simulate(make_settings(), INVOCATION)).encode()).hexdigest())"
    )
    child_digest = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        check=True,
        text=True,
        timeout=60,
    ).stdout.strip()
    assert child_digest == hashlib.sha256(repr(simulate(make_settings(), INVOCATION)).encode()).hexdigest()


@pytest.mark.parametrize(
    ("changed", "invocation"),
    [
        ({}, Invocation("event-2", END)),
        ({}, Invocation("event-1", END + timedelta(milliseconds=1))),
        *[
            ({name: value}, INVOCATION)
            for name, value in {
                "clicks": 1501,
                "users": 5001,
                "period_seconds": 301,
                "seed": 1,
                "malformed_share": 0.003,
                "late_share": 0.02,
                "variety": 2.0,
            }.items()
        ],
    ],
)
def test_every_input_of_the_simulation_changes_the_ids(changed: dict[str, Any], invocation: Invocation) -> None:
    assert fingerprint(make_settings(**changed), invocation)[:16] != fingerprint(make_settings(), INVOCATION)[:16]


def test_a_default_that_is_stated_changes_nothing() -> None:
    settings = Settings.load({"CLICKS_STREAM": "a", "CHECKOUTS_STREAM": "b"}, {"variety": 1})
    assert fingerprint(settings, INVOCATION) == fingerprint(make_settings(), INVOCATION)


def test_stream_names_do_not_change_the_records() -> None:
    other_streams = Settings(clicks_stream="a", checkouts_stream="b")
    assert simulate(other_streams, INVOCATION) == simulate(make_settings(), INVOCATION)


all_settings = st.builds(
    make_settings,
    clicks=st.integers(0, 300),
    users=st.integers(1, 100),
    period_seconds=st.integers(1, 3600),
    seed=st.integers(0, 2**63 - 1),
    malformed_share=st.sampled_from([0.0, 0.1, 1.0]),
    late_share=st.sampled_from([0.0, 0.1, 1.0]),
    variety=st.sampled_from([0.0, 1.0, 10.0]),
)
all_plain_settings = all_settings.map(lambda settings: settings.model_copy(update={"variety": 0.0}))


@given(simulation_settings=all_plain_settings)
@settings(max_examples=60)
def test_without_variety_every_record_is_one_plain_event_or_malformed(simulation_settings: Settings) -> None:
    records = simulate(simulation_settings, INVOCATION)
    root = fingerprint(simulation_settings, INVOCATION)[:16]
    start = END - timedelta(seconds=simulation_settings.period_seconds)
    assert sum(record.stream == "clicks" for record in records) == simulation_settings.clicks
    for record in records:
        assert re.fullmatch(r"user-\d{6}", record.partition_key)
        assert int(record.partition_key[5:]) < simulation_settings.users
        assert (record.events, record.packed) == (1, False)
        if record.defect:
            assert not record.late
            continue
        event = json.loads(record.data)
        assert list(event) == FIELDS[record.stream]
        assert all(value is not None for name, value in event.items() if name not in NULLABLE)
        assert event["schema_version"] == 1
        assert event["user_id"] == record.partition_key
        assert re.fullmatch(rf"ses-{root}-\d{{6}}", event["session_id"])
        time = event[TIMESTAMP_FIELD[kind_of(event)]]
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", time)
        if record.late:
            assert start - HOUR <= event_time(event) <= start - timedelta(minutes=5)
        else:
            assert start <= event_time(event) <= END


@given(simulation_settings=all_plain_settings)
@settings(max_examples=30)
def test_ids_are_unique_and_contain_the_fingerprint(simulation_settings: Settings) -> None:
    records = simulate(simulation_settings, INVOCATION)
    root = fingerprint(simulation_settings, INVOCATION)[:16]
    ids = [event["click_id"] for event in well_formed_events(records, "clicks")]
    ids += [event["checkout_id"] for event in well_formed_events(records, "checkouts")]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(rf"(clk|chk)-{root}-\d{{6}}", event_id) for event_id in ids)


@given(simulation_settings=all_settings)
@settings(max_examples=60)
def test_every_record_has_the_outcomes_that_it_states(simulation_settings: Settings) -> None:
    """The count of events is exact, malformed records give one refusal, and the clicks are as many as set."""
    click_ids: set[str] = set()
    malformed_clicks = 0
    for record in simulate(simulation_settings, INVOCATION):
        read = outcomes(record.data, END, CLICK if record.stream == "clicks" else CHECKOUT)
        assert len(read) == record.events
        if record.defect:
            assert [outcome.reason is not None for outcome in read] == [True]
            assert (record.events, record.packed, record.late) == (1, False, False)
            malformed_clicks += record.stream == "clicks"
            continue
        for outcome in read:
            assert outcome.event is not None, outcome.reason
            assert outcome.event["user_id"] == record.partition_key
            if record.stream == "clicks":
                click_ids.add(outcome.event["click_id"])
    assert len(click_ids) + malformed_clicks == simulation_settings.clicks


def test_zero_clicks_give_no_records() -> None:
    assert simulate(make_settings(clicks=0), INVOCATION) == []
