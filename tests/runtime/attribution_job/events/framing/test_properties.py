"""Promises for any record, by random examples."""

import base64
import json
from collections.abc import Callable, Sequence

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from runtime.attribution_job.events.framing import unpack
from runtime.attribution_job.events.framing.json_objects import split
from tests.runtime.attribution_job.events.framing.records import (
    bus_event,
    compressed,
    events,
    in_string,
    kpl,
    lambda_event,
    lambda_kinesis_record,
    log_events,
    notification,
    queue_message,
)

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3), max_leaves=8
)


def written(event: dict[str, object], indent: int | None, is_ascii: bool) -> bytes:
    text = json.dumps(event, indent=indent, ensure_ascii=is_ascii)
    return text.encode("utf-8", "replace")


OBJECTS = st.builds(
    lambda click_id, fields: {"click_id": click_id, **fields},
    st.text(min_size=1),
    st.dictionaries(st.text(), VALUES, max_size=5),
)
EVENTS = st.builds(written, OBJECTS, st.sampled_from([None, 1, 2]), st.booleans())
LINES = st.builds(written, OBJECTS, st.none(), st.booleans())


def base64_lines(parts: Sequence[bytes]) -> bytes:
    return b"\n".join(map(base64.b64encode, parts))


def gzip_members(parts: Sequence[bytes]) -> bytes:
    return b"".join(map(compressed, parts))


def strings(parts: Sequence[bytes]) -> bytes:
    return b"\n".join(map(in_string, parts))


Framing = Callable[[Sequence[bytes]], bytes]
ENCODED: list[Framing] = [base64_lines, gzip_members, strings]
FRAMINGS: list[Framing] = [
    *(separator.join for separator in (b"", b"\n", b"\r\n", b"\x1e", b" \n\n", b",")),
    lambda parts: b"[" + b",".join(parts) + b"]",
    lambda parts: b"\xef\xbb\xbf[\n  " + b",\n  ".join(parts) + b"\n]\n",
    kpl,
    lambda parts: log_events([part.decode() for part in parts]),
    *ENCODED,
    lambda parts: notification("\n".join(part.decode() for part in parts)),
    lambda parts: b"\n".join(map(bus_event, parts)),
    lambda parts: lambda_event(*(queue_message(part.decode()) for part in parts)),
    lambda parts: lambda_event(*map(lambda_kinesis_record, parts)),
]
WRAPPINGS = [bytes, compressed, base64.b64encode, lambda data: base64.b64encode(compressed(data))]


def check_indexes(record: bytes) -> None:
    pieces = unpack(record)
    assert pieces
    assert [piece.index for piece in pieces] == list(range(len(pieces)))
    assert not any(piece.ignored and piece.reason for piece in pieces)


# Separators, brackets of arrays, and byte order marks.
BETWEEN_PARTS = b" \r\n\t,[]\x1e\xef\xbb\xbf"
FRAGMENTS = st.sampled_from(
    [
        *(b"{", b"}", b"[", b"]", b'"', b":", b",", b"\n", b" ", b"\\", b"1", b"a", b"\xff", b"\x1e", b"\0"),
        *(b"\x1f\x8b", b"\xf3\x89\x9a\xc2", b"\xef\xbb\xbf", b'"Records":', b'"dynamodb":{', b'{"a":{"b":1}}'),
        *(compressed(b'{"a":1}'), kpl([b'{"a":1}', b"x"]), notification('{"a":1}'), log_events(["{}"])),
        *(lambda_event(queue_message("[1")), in_string(b'{"a":1}')),
    ]
)


@given(st.binary() | st.lists(FRAGMENTS).map(b"".join))
@settings(max_examples=200, deadline=None)
def test_any_bytes_give_numbered_pieces(record: bytes) -> None:
    check_indexes(record)
    check_indexes(compressed(record))
    check_indexes(kpl([record, record]))
    check_indexes(lambda_event(lambda_kinesis_record(record)))


@given(st.lists(FRAGMENTS).map(b"".join))
@settings(max_examples=500, deadline=None)
def test_every_byte_of_a_text_is_in_one_part(text: bytes) -> None:
    position = 0
    for part in split(text):
        start = text.index(part.data, position)
        assert not text[position:start].strip(BETWEEN_PARTS)
        position = start + len(part.data)
    assert not text[position:].strip(BETWEEN_PARTS)


@given(st.lists(EVENTS, min_size=1, max_size=6), st.sampled_from(FRAMINGS), st.sampled_from(WRAPPINGS))
@settings(max_examples=200, deadline=None)
def test_events_come_back_from_every_framing(
    parts: list[bytes], framing: Framing, wrap: Callable[[bytes], bytes]
) -> None:
    assume(wrap in (bytes, compressed) or framing not in ENCODED)  # Two encodings at most, and base64 only once.
    assert events(wrap(framing(parts))) == parts


def cut(line: bytes, at: int) -> bytes:
    return line[: 1 + at % (len(line) - 1)]


CORRUPTIONS = st.one_of(
    st.builds(cut, LINES, st.integers(min_value=0)).map(bytes.rstrip),
    LINES.map(lambda line: line.replace(b'"click_id"', b'"click\xff_id"')),
    LINES.map(lambda line: line[1:]),
    LINES.map(lambda line: line.replace(b":", b" ")),
    st.sampled_from([b"oops", b"1;2;3", b"<a/>", b"{'a': 1 2}", b"{]", b'{"a":[{"b":1},{"c":2}],x}', b'"']),
)


LINE_BREAKS = st.sampled_from([b"\n", b"\r\n", b"\r", b" \n", b"\n\n", b"\t\r\n \n"])


@given(st.lists(LINES, max_size=4), CORRUPTIONS, st.lists(LINES, max_size=4), LINE_BREAKS)
@settings(max_examples=200, deadline=None)
def test_a_corrupted_line_costs_exactly_itself(
    before: list[bytes], corrupted: bytes, after: list[bytes], line_break: bytes
) -> None:
    pieces = unpack(line_break.join([*before, corrupted, *after, b""]))
    assert [piece.data for piece in pieces] == [*before, corrupted.strip(), *after]
    assert [piece.index for piece in pieces if piece.reason] == [len(before)]
