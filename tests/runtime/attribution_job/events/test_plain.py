"""The fast path for plain events gives the same results as reading events one by one."""

import json
import re
from collections.abc import Sequence
from datetime import datetime
from itertools import chain
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.attribution_job.events import parsing
from runtime.attribution_job.events.contract import CHECKOUT, CLICK, Contract
from runtime.attribution_job.events.framing import Piece
from runtime.attribution_job.events.plain import SMALL_BLOCK
from runtime.attribution_job.events.plain_patterns import plain_pattern
from runtime.attribution_job.events.reading import Outcome, outcomes, read_piece
from tests.runtime.attribution_job.events.examples import (
    ARRIVAL,
    CHANGED_CHECKOUTS,
    CHANGED_CLICKS,
    JSON_VALUES,
    checkout,
    click,
    encode,
    encode_compactly,
    full_checkout,
    full_click,
    parsed,
    reason,
    without,
)

Calls = list[Piece]


def read_slowly(contract: Contract, data: Sequence[bytes]) -> list[dict[str, Any]]:
    """Returns the rows of `parsed`, read one by one."""
    rows = []
    for number, record in enumerate(data):
        for outcome in outcomes(record, ARRIVAL, contract):
            place = {"sequence_number": str(number), "record_index": outcome.index, "arrived_at": ARRIVAL}
            if outcome.event is None:
                letter = {"stream_name": "stream", "partition_key": "key", "reason": outcome.reason}
                rows.append(place | letter | {"data": f"\\x{outcome.data.hex()}"})
            else:
                repairs = f"{{{','.join(outcome.event['repairs'])}}}" if outcome.event["repairs"] else None
                names = ",".join(outcome.event["unknown_names"]) or None
                rows.append(outcome.event | place | {"repairs": repairs, "unknown_names": names})
    return rows


def encodings(events: st.SearchStrategy[bytes]) -> st.SearchStrategy[list[bytes]]:
    compact = events.map(json.loads).map(encode_compactly)
    return st.lists(JSON_VALUES.map(encode) | events | compact, max_size=40)


@settings(deadline=None)
@given(data=encodings(CHANGED_CLICKS))
def test_both_paths_read_clicks_alike(data: list[bytes]) -> None:
    events = [*data, encode(click), encode_compactly(full_click)]
    assert parsed(CLICK, events) == read_slowly(CLICK, events)


@settings(deadline=None)
@given(data=encodings(CHANGED_CHECKOUTS))
def test_both_paths_read_checkouts_alike(data: list[bytes]) -> None:
    events = [*data, encode(checkout), encode_compactly(full_checkout)]
    assert parsed(CHECKOUT, events) == read_slowly(CHECKOUT, events)


@pytest.fixture
def slow_path(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """The events that are read one by one."""
    calls: Calls = []

    def count(piece: Piece, arrived_at: datetime, contract: Contract) -> Outcome:
        calls.append(piece)
        return read_piece(piece, arrived_at, contract)

    monkeypatch.setattr(parsing, "read_piece", count)
    return calls


PLAIN_CLICKS = {
    "common fields": click,
    "all fields": full_click,
    "required fields only": {name: click[name] for name in ("click_id", "user_id", "click_timestamp")},
    "a robot that says so": full_click | {"is_bot": True},
    "no campaign": without(click, "utm_campaign"),
    "a page of the same site before": without(full_click, "utm_source", "utm_medium", "utm_campaign")
    | {"referrer": "https://shop.example/"},
    "no referrer": without(full_click, "utm_source", "utm_medium", "utm_campaign") | {"referrer": ""},
    "labels of the URL": click | {"page_url": "https://shop.example/?utm_source=x&utm_medium=y&utm_campaign=z"},
    "a lower-case UUID": click | {"user_id": "6f9619ff-8b86-d011-b42d-00cf4fc964ff"},
    "texts in other scripts": click | {"utm_campaign": "春の", "session_id": "ü€😀"},
    "a variant that looks like a time": full_click | {"variant": "2026-11-23"},
}
PLAIN_CHECKOUTS = {
    "common fields": checkout,
    "all fields": full_checkout,
    "required fields only": without(checkout, "session_id", "items", "payment_method", "schema_version"),
    "no decimals": checkout | {"total_amount": "1980", "currency": "JPY"},
    "four decimals": checkout | {"total_amount": "12.3456"},
    "fifteen digits": checkout | {"total_amount": "123456789012345.00"},
    "an empty basket": checkout | {"items": []},
    "items without some fields": checkout | {"items": [{"product_id": "p"}, {"quantity": 1}]},
    "an item in another script": checkout | {"items": [{"product_id": "茶", "quantity": 1, "unit_price": "9.95"}]},
}


@pytest.mark.parametrize("separators", [(", ", ": "), (",", ":")])
@pytest.mark.parametrize("end", ["", "\n", "\r\n", " \t\n\n"])
def test_plain_events_take_the_fast_path(separators: tuple[str, str], end: str, slow_path: Calls) -> None:
    for contract, events in ((CLICK, PLAIN_CLICKS), (CHECKOUT, PLAIN_CHECKOUTS)):
        texts = [json.dumps(event, ensure_ascii=False, separators=separators) for event in events.values()]
        data = [(text + end).encode() for text in texts]
        rows = parsed(contract, data)
        assert slow_path == []
        assert [reason(row) for row in rows] == [None] * len(data)
        assert rows == read_slowly(contract, data)


@pytest.mark.parametrize(
    "odd",
    [
        b'{"checkout_id": "a", ' + encode(checkout)[1:],
        encode_compactly(checkout).replace(b"card", b"c\xffrd"),
        encode(checkout).replace(b'"quantity": 2', b'"quantity": 2, "quantity": 3'),
        encode(checkout).replace(b'"p1"', b'"}p1{", "product_id": "p2"'),
        encode(checkout | {"total_amount": 19.9}),
        encode(checkout | {"user_id": " u1"}),
        encode(checkout | {"user_id": "guest"}),
        encode(checkout | {"checkout_timestamp": "2026-11-23T12:05:01Z"}),
        b"",
    ],
    ids=[
        "a field twice", "invalid UTF-8", "an item's field twice", "an item's field twice beside braces",
        "an amount as a number", "a blank", "a placeholder", "a clock ahead", "nothing",
    ],
)  # fmt: skip
def test_an_odd_record_sends_only_itself_to_the_slow_path(odd: bytes, slow_path: Calls) -> None:
    data = [encode_compactly(checkout | {"checkout_id": f"k{number}"}) for number in range(20_000)]
    data[7_000] = odd
    rows = parsed(CHECKOUT, data)
    assert len(slow_path) == 1
    assert [int(row["sequence_number"]) for row in rows] == list(range(20_000))
    assert rows[7_000] == read_slowly(CHECKOUT, [odd])[0] | {"sequence_number": "7000"}
    assert {reason(row) for row in (*rows[:7_000], *rows[7_001:])} == {None}


def test_many_records_with_a_field_twice_send_only_themselves(slow_path: Calls) -> None:
    odd = b'{"click_id": "a", ' + encode(click)[1:]
    data = [odd if number % 10 == 0 else encode(click) for number in range(4 * SMALL_BLOCK)]
    assert [reason(row) for row in parsed(CLICK, data)] == [
        "a field twice: click_id" if record is odd else None for record in data
    ]
    assert len(slow_path) == data.count(odd)


def test_events_that_share_a_record_take_the_fast_path(slow_path: Calls) -> None:
    events = [encode_compactly(click | {"click_id": f"c{number}"}) for number in range(6)]
    data = [b"\n".join(events[:3]) + b"\n", b"[" + b",".join(events[3:]) + b"]", events[0]]
    rows = parsed(CLICK, data)
    assert slow_path == []
    assert [(row["sequence_number"], row["record_index"], row["click_id"]) for row in rows] == [
        ("0", 0, "c0"), ("0", 1, "c1"), ("0", 2, "c2"), ("1", 0, "c3"), ("1", 1, "c4"), ("1", 2, "c5"), ("2", 0, "c0"),
    ]  # fmt: skip


def test_an_odd_event_costs_its_neighbours_in_the_record_nothing(slow_path: Calls) -> None:
    data = b"\n".join([encode(click), encode(click | {"user_id": 7}), b"{", encode(click)])
    rows = parsed(CLICK, [data])
    assert [(row.get("user_id"), reason(row) is None) for row in rows] == [
        ("u1", True), ("7", True), (None, False), ("u1", True),
    ]  # fmt: skip
    assert len(slow_path) == 2


def test_common_encodings_match_the_pattern() -> None:
    """Covers the data generator's encoding, and compact encoding."""
    pattern = plain_pattern(CHECKOUT).replace("\\z", "$").encode()
    assert all(re.search(pattern, event) for event in (encode(checkout), encode_compactly(checkout)))


def test_the_pattern_matches_valid_utf_8_only() -> None:
    pattern = re.compile(plain_pattern(CLICK).replace("\\z", "$").encode())
    for character in chain(range(0x20, 0x1_0000, 7), (0x1_0000, 0x1_F600, 0x10_FFFF)):
        data = encode_compactly(click | {"session_id": chr(character)})
        is_plain = not 0xD800 <= character <= 0xDFFF and chr(character) not in '"\\'
        assert bool(pattern.search(data)) == is_plain, hex(character)
    for invalid in (b"\xff", b"\xc3", b"\xc0\x80", b"\xe0\x80\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\x80"):
        assert not pattern.search(encode_compactly(click).replace(b"phone", invalid))
