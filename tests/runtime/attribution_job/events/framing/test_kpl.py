"""Aggregated records of the Kinesis Producer Library."""

import pytest

from runtime.attribution_job.events.framing import Piece, unpack
from tests.runtime.attribution_job.events.framing.records import (
    BROKEN,
    CHECKOUT,
    CLICK,
    aggregate_of,
    compressed,
    events,
    field,
    kpl,
    log_events,
    reasons,
    varint,
)

# Made with aws-kinesis-agg 1.2.3: two records of one partition key, the second with a hash key of its own.
WRITTEN_BY_LIBRARY = (
    "f3899ac20a027531120531323334351a1508001a117b22636c69636b5f6964223a226331227d1a17080010001a117b22636c"
    "69636b5f6964223a226332227d57f2c6f0229d9cccd2b735dd1fe759ca"
)


def test_user_records_come_back_in_order() -> None:
    assert events(kpl([CLICK, CHECKOUT] * 200)) == [CLICK, CHECKOUT] * 200


def test_a_record_written_by_the_aggregation_library_is_read() -> None:
    record = bytes.fromhex(WRITTEN_BY_LIBRARY)
    assert events(record) == [b'{"click_id":"c1"}', b'{"click_id":"c2"}']


def test_a_broken_user_record_costs_only_itself() -> None:
    pieces = unpack(kpl([CLICK, BROKEN, CHECKOUT]))
    assert pieces == [Piece(0, CLICK), Piece(1, BROKEN, "not JSON"), Piece(2, CHECKOUT)]


def test_a_user_record_is_a_record_of_its_own() -> None:
    lines = CLICK + b"\n" + CHECKOUT
    logs = compressed(log_events([CLICK.decode()]))
    assert events(kpl([lines, compressed(lines), logs])) == [CLICK, CHECKOUT, CLICK, CHECKOUT, CLICK]


def test_an_empty_user_record_is_ignored() -> None:
    assert reasons(kpl([CLICK, b"", CLICK])) == [None, "ignored", None]
    assert reasons(kpl([])) == ["ignored"]


def test_optional_and_unknown_fields_are_skipped() -> None:
    tag = field(4, field(1, b"key") + field(2, b"value"))
    fixed = varint(9 << 3 | 1) + b"8 bytes." + varint(10 << 3 | 5) + b"four"
    record = b"\x08\x00" + b"\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01" + tag + fixed + field(3, CLICK)
    assert events(aggregate_of(field(2, b"170141183460469231731687303715884105728") + field(3, record))) == [CLICK]


@pytest.mark.parametrize("position", [4, 30, 150, -17, -1])
def test_one_changed_byte_makes_one_dead_letter(position: int) -> None:
    record = bytearray(kpl([CLICK, CHECKOUT]))
    record[position] ^= 1
    assert unpack(bytes(record)) == [Piece(0, bytes(record), "KPL aggregate: wrong digest")]


def test_a_cut_aggregate_is_one_dead_letter() -> None:
    record = kpl([CLICK, CHECKOUT])
    for length in range(4, len(record)):
        piece, *more = unpack(record[:length])
        assert not more
        early = length < 20
        assert piece.reason == ("KPL aggregate that ends too early" if early else "KPL aggregate: wrong digest")


@pytest.mark.parametrize(
    "message",
    [
        field(3, b"\x08\x00" + field(3, CLICK))[:-1],
        field(3, b"\x08\x00"),  # The data is missing.
        field(3, b"\x08\x00" + field(3, CLICK)[:-1]),
        b"\x1b",  # A group, which the format does not have.
        b"\x00\x00",  # No field has the number 0.
        b"\x08" + b"\xff" * 11,
        b"\x18\x01",  # The field of the records as a number.
        b"\x11" + b"1234567",
    ],
)
def test_a_damaged_message_with_a_right_digest_is_one_dead_letter(message: bytes) -> None:
    assert reasons(aggregate_of(field(3, field(3, CLICK)) + message)) == ["KPL aggregate: damaged"]
