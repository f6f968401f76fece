"""Records of one object, of joined objects, and of arrays."""

import json

import pytest

from runtime.attribution_job.events.framing import Piece, unpack
from tests.runtime.attribution_job.events.framing.records import BROKEN, CHECKOUT, CLICK, events, reasons

MARK = b"\xef\xbb\xbf"
PRETTY = json.dumps(json.loads(CHECKOUT), indent=2).encode()


@pytest.mark.parametrize(
    "record",
    [
        *(CLICK, CLICK + b"\n", CLICK + b"\r\n", b" \t" + CLICK + b" \n\n", MARK + CLICK, b"\n" + MARK + b" " + CLICK),
        *(b"[" + CLICK + b"]", MARK + b"[\n" + CLICK + b"\n]\n", b"\x1e" + CLICK + b"\n", CLICK + b","),
    ],
)
def test_one_event_is_found_inside_white_space_and_marks(record: bytes) -> None:
    assert unpack(record) == [Piece(0, CLICK)]


@pytest.mark.parametrize(
    "separator", [b"\n", b"\r\n", b"\r", b"", b" ", b"\n\n \n", b",\n", b", ", b"\x1e", b"\n\x1e", MARK]
)
@pytest.mark.parametrize("event", [CLICK, CHECKOUT, PRETTY])
def test_joined_events_come_back_as_they_were(separator: bytes, event: bytes) -> None:
    assert events(separator.join([event, CLICK, event])) == [event, CLICK, event]
    assert events(b"[" + b" , ".join([event, CLICK, event]) + b"]") == [event, CLICK, event]


def test_arrays_can_be_joined_too() -> None:
    assert events(b"[%b,%b]\n[]\n[%b]%b" % (CLICK, CHECKOUT, CLICK, CHECKOUT)) == [CLICK, CHECKOUT, CLICK, CHECKOUT]


def test_braces_and_quotes_in_text_do_not_end_an_event() -> None:
    event = rb'{"click_id": "}{\"}\\", "page_url": "[{\\\"", "x": ["]}", {"y": "\u007d{"}]}'
    assert events(event * 3) == [event] * 3
    assert events(b"\n".join([event] * 3)) == [event] * 3


@pytest.mark.parametrize("record", [b"", b" \r\n", MARK, b"[]", b"[ ]\n[]"])
def test_a_record_without_events_is_ignored(record: bytes) -> None:
    assert unpack(record) == [Piece(0, record.strip() if b"[" in record else record, ignored=True)]


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (b"42", ["not a JSON object"]),
        (b'"text"\n%b\nnull' % CLICK, ["not a JSON object", None, "not a JSON object"]),
        (b'[%b, 3, -1.5e3, "x", null, [%b], %b]' % (CLICK, CLICK, CLICK), [None, *["not a JSON object"] * 5, None]),
        (b"[%b, oops, %b]" % (CLICK, CLICK), [None, "not JSON", None]),
        (b"click_id,user_id\nc1,u1", ["not JSON", "not JSON"]),
        (b"[INFO] started", ["not JSON"]),
        (b",,", ["not JSON"]),
    ],
)
def test_what_is_not_an_object_is_one_dead_letter_each(record: bytes, expected: list[str | None]) -> None:
    assert reasons(record) == expected


@pytest.mark.parametrize(
    "broken",
    [
        *(
            BROKEN,
            CLICK[:-1],
            CLICK[:-8],
            CLICK[:40],
            b'{"click_id":"c1","items":[',
            b'{"a":"x" "b":1}',
            b"{'a': 'b c'}",
        ),
        *(
            CLICK[1:],
            b'{"a":{"b":1}',
            b'{"a":[1,2}',
            b'{"a":[{"b":1},{"c":2}],d}',
            b'{"a" "b":',
            b"oops",
            b'{"a":"\t"}',
        ),
    ],
)
def test_a_broken_line_costs_only_itself(broken: bytes) -> None:
    pieces = unpack(b"\n".join([CLICK, broken, CHECKOUT, PRETTY, broken, CLICK]))
    assert [piece.data for piece in pieces] == [CLICK, broken, CHECKOUT, PRETTY, broken, CLICK]
    assert [piece.reason for piece in pieces] == [None, "not JSON", None, None, "not JSON", None]


@pytest.mark.parametrize("broken", [b'{"a":}', b'{"a":1,,}', b'{"a":[1}', b'{"a":{"b":1}', b'{"a":"}{" x}'])
def test_a_broken_event_costs_no_neighbour_without_line_breaks(broken: bytes) -> None:
    assert [(piece.data, piece.reason) for piece in unpack(CLICK + broken + CLICK + CHECKOUT)] == [
        (CLICK, None),
        (broken, "not JSON"),
        (CLICK, None),
        (CHECKOUT, None),
    ]


@pytest.mark.parametrize(("old", "new"), [(b'"k1"', b"k 1"), (b'"currency": ', b'"currency" '), (b"Z", b'"Z')])
def test_a_broken_event_over_several_lines_is_one_dead_letter(old: bytes, new: bytes) -> None:
    broken = PRETTY.replace(old, new)
    assert [(piece.data, piece.reason) for piece in unpack(b"\n".join([PRETTY, broken, PRETTY]))] == [
        (PRETTY, None),
        (broken, "not JSON"),
        (PRETTY, None),
    ]


def test_a_cut_array_keeps_the_elements_before_the_cut() -> None:
    assert reasons(b"[%b,%b" % (CLICK, BROKEN)) == [None, "array that ends too early"]
    assert reasons(b"[%b,%b" % (CLICK, CHECKOUT)) == [None, None, "array that ends too early"]


@pytest.mark.parametrize("prefix", [b"2026-03-01 INFO", b"2026-03-01 [main] INFO", b"INFO [[a], b]: sent"])
def test_an_event_after_the_prefix_of_a_log_line_is_read(prefix: bytes) -> None:
    assert reasons(b"%b %b\n%b" % (prefix, CLICK, CLICK)) == ["not JSON", None, None]


@pytest.mark.parametrize("line", [CLICK.replace(b"google", "für".encode("latin-1")), b"\xff\xfe\xfd", b"caf\xe9"])
def test_only_the_line_that_is_not_utf8_is_refused(line: bytes) -> None:
    pieces = unpack(b"\n".join([CLICK, line, CLICK.replace(b"google", "für".encode())]))
    assert [piece.reason for piece in pieces] == [None, "not UTF-8", None]
    assert pieces[1].data == line


@pytest.mark.parametrize("text", [CLICK.decode(), f"[{CLICK.decode()}]", f"\ufeff{CLICK.decode()}", "\ufefftext"])
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_is_named(text: str, encoding: str) -> None:
    assert reasons(text.encode(encoding)) == ["UTF-16, not UTF-8"]


def test_control_characters_cost_no_event_beside_them() -> None:
    assert reasons(b"%b\n\x00\x01\n%b" % (CLICK, CHECKOUT)) == [None, "not JSON", None]
    assert reasons(b'{"a":"\x00"}\n%b\x00' % CLICK) == ["not JSON", None, "not JSON"]
    assert reasons(b"\x00%b\x00%b" % (CLICK, CHECKOUT)) == ["not JSON", None, "not JSON", None]


def test_binary_data_is_one_dead_letter() -> None:
    assert reasons(b"\x00\x01Obj{}\n\x80\n{[\x02\n") == ["not UTF-8"]
    assert reasons(b"\x00\x01Obj{}\n\n{[\x02\n") == ["not JSON"]
    assert reasons(b'\x01{}\n"a"\n{"b"\n') == ["not JSON"]


def test_deep_nesting_is_refused_and_not_followed() -> None:
    deep = b'{"a":' * 100 + b"1" + b"}" * 100
    assert events(deep) == [deep]
    for depth in [102, 5_000, 100_000]:
        deep = b'{"a":' * depth + b"1" + b"}" * depth
        assert reasons(b"%b\n%b\n" % (deep, CLICK)) == ["JSON nested more than 100 deep", None]
