"""Hostile records: time stays linear in their size, and nothing is raised."""

import random
import time

import pytest

from runtime.attribution_job.events.framing import unpack
from tests.runtime.attribution_job.events.framing.records import reasons

SIZE = 128 * 1024
UNITS = [
    *(
        b"{",
        b"}{",
        b"}",
        b'"',
        b'\\"',
        b'{"\\"',
        b'{"a":',
        b'{"a":\n',
        b'{"a":[\n',
        b'{"a":{},"b":\n',
        b'{"a":}',
        b"[]",
    ),
    *(
        b"[[],",
        b"{}",
        b"[",
        b"[{",
        b"[{\n",
        b"\n",
        b" ",
        b"1,",
        b"\x1e{",
        b" \n{x",
        b"{\r ",
        b"A",
        b":[",
        b"]{",
        b'["x"y',
    ),
    *(
        b'{"a":1,',
        b'{"a":1,\n',
        b'{"a":[1,\n',
        b"e30=\n",
        b'{"a":[{},\n',
        b'{"a":{"b":1}\n',
        b"\xef\xbb\xbf",
        b",",
        b"-",
    ),
]
PREFIXES = [b"", b"x", b"[", b'{"a":[']


def seconds(record: bytes) -> float:
    start = time.process_time()
    pieces = unpack(record)
    elapsed = time.process_time() - start
    assert [piece.index for piece in pieces] == list(range(len(pieces)))
    return elapsed


@pytest.mark.parametrize("unit", UNITS)
def test_repeated_text_takes_linear_time(unit: bytes) -> None:
    for prefix in PREFIXES:
        # An idle machine takes less than 0.2 s. Quadratic time is far more than the limit.
        assert seconds(prefix + unit * (SIZE // len(unit)) + b"!") < 5


@pytest.mark.parametrize("alphabet", [b'{}[]":,\n\\ a1\x1e', b'{}":,\n1', bytes(range(256)), b'{"a":1}\n[,]'])
def test_random_text_takes_linear_time(alphabet: bytes) -> None:
    assert seconds(bytes(random.Random(1).choices(alphabet, k=SIZE))) < 5


def test_the_number_of_pieces_is_bounded() -> None:
    pieces = unpack(b"{}" * 150_000)
    assert len(pieces) == 100_001
    assert pieces[-1].reason == "more than 100,000 events in a record"
    assert reasons(b'{"a":1}\n' * 100_000) == [None] * 100_000
