"""Gzip, base64 and JSON strings."""

import base64
import gzip
import random

import pytest

from runtime.attribution_job.events.framing import Piece, unpack
from tests.runtime.attribution_job.events.framing.records import (
    BROKEN,
    CHECKOUT,
    CLICK,
    compressed,
    events,
    in_string,
    kpl,
    log_events,
    notification,
    reasons,
)

MIB = 1024 * 1024


def test_gzip_is_decompressed_and_read_again() -> None:
    assert events(compressed(CLICK)) == [CLICK]
    assert events(compressed(CLICK + b"\n" + CHECKOUT + b"\n")) == [CLICK, CHECKOUT]
    assert events(compressed(b"[" + CLICK + b"]")) == [CLICK]
    assert events(compressed(kpl([CLICK, CHECKOUT]))) == [CLICK, CHECKOUT]


def test_a_stream_of_several_members_is_one_record() -> None:
    middle = len(CLICK) // 2
    assert events(compressed(CLICK[:middle]) + compressed(CLICK[middle:]) + compressed(CHECKOUT)) == [CLICK, CHECKOUT]
    assert events(b"\n".join([compressed(CLICK), compressed(CHECKOUT), b""])) == [CLICK, CHECKOUT]
    assert events(compressed(CLICK) * 1_000) == [CLICK] * 1_000


def test_a_member_with_a_name_and_a_large_content_is_read() -> None:
    # 2 MiB that hardly compress, so that the input takes several chunks.
    event = b'{"click_id":"c1","page_url":"%b"}' % random.Random(1).randbytes(MIB).hex().encode()
    assert events(compressed(event) + compressed(CLICK)) == [event, CLICK]


def test_zeros_and_line_breaks_after_the_end_are_padding() -> None:
    assert events(compressed(CLICK) + b"\0" * 512) == [CLICK]
    assert events(compressed(CLICK) + b"\r\n") == [CLICK]


def test_other_bytes_after_the_end_cost_no_event() -> None:
    pieces = unpack(compressed(CLICK) + b"garbage")
    assert pieces == [Piece(0, CLICK), Piece(1, b"garbage", "gzip: bytes after its end")]


def test_every_cut_of_a_stream_is_one_dead_letter() -> None:
    record = compressed(CLICK)
    for length in range(2, len(record)):
        assert unpack(record[:length]) == [Piece(0, record[:length], "gzip that ends too early")]


@pytest.mark.parametrize("position", [2, 3, 12, -5, -1])
def test_damage_is_one_dead_letter(position: int) -> None:
    record = bytearray(compressed(CLICK))
    record[position] ^= 0xFF
    assert len(reasons(bytes(record))) == 1
    assert reasons(bytes(record))[0] in {"gzip: damaged", "gzip that ends too early"}


def test_a_wrong_checksum_is_named() -> None:
    record = bytearray(compressed(CLICK))
    record[-5] ^= 0xFF
    assert reasons(bytes(record)) == ["gzip: damaged"]


def test_sixteen_mebibytes_are_read_and_one_byte_more_is_refused() -> None:
    padded = CLICK + b" " * (16 * MIB - len(CLICK))
    assert events(compressed(padded)) == [CLICK]
    assert reasons(compressed(padded + b" ")) == ["more than 16 MiB unpacked"]


def test_the_bound_holds_over_members_layers_and_user_records() -> None:
    part = compressed(b" " * (9 * MIB))
    assert reasons(part + part) == ["more than 16 MiB unpacked"]
    assert reasons(compressed(compressed(b" " * (16 * MIB)))) == ["more than 16 MiB unpacked"]
    assert reasons(kpl([CLICK, part, part, CLICK])) == [None, "ignored", "more than 16 MiB unpacked", None]


def test_a_bomb_is_refused_without_its_content_in_memory() -> None:
    bomb = gzip.compress(b"\0" * (200 * MIB), 9)
    assert reasons(bomb) == ["more than 16 MiB unpacked"]
    assert reasons(compressed(b"") * 10_001) == ["gzip: more than 10,000 members"]


@pytest.mark.parametrize("record", [CLICK, CHECKOUT, b"[" + CLICK + b"]", b" " + CLICK + b"\n"])
@pytest.mark.parametrize("encode", [base64.standard_b64encode, base64.urlsafe_b64encode, base64.encodebytes])
def test_base64_of_json_is_decoded(record: bytes, encode: object) -> None:
    text = encode(record)  # type: ignore[operator]
    expected = [CHECKOUT] if record is CHECKOUT else [CLICK]
    assert events(text) == expected
    assert events(b"\n" + text + b"\r\n") == expected
    assert events(text.rstrip(b"\n=")) == expected


def test_both_alphabets_are_read() -> None:
    event = '{"click_id":"c1","utm_campaign":"?>?>~~~ÿÿÿ"}'.encode()
    standard = base64.standard_b64encode(event)
    assert set(b"+/") & set(standard)
    assert events(standard) == events(base64.urlsafe_b64encode(event)) == [event]


def test_base64_of_gzip_and_of_an_aggregate_is_decoded() -> None:
    assert events(base64.b64encode(compressed(CLICK))) == [CLICK]
    assert events(base64.b64encode(kpl([CLICK, CHECKOUT]))) == [CLICK, CHECKOUT]
    assert events(compressed(base64.b64encode(CLICK))) == [CLICK]
    assert events(base64.b64encode(compressed(log_events([CLICK.decode()])))) == [CLICK]


def test_lines_of_base64_are_records_of_their_own() -> None:
    assert events(base64.b64encode(CLICK) + b"\n" + base64.b64encode(compressed(CHECKOUT))) == [CLICK, CHECKOUT]


@pytest.mark.parametrize(
    "text",
    [
        b"hello",
        base64.b64encode(b"hello"),
        base64.b64encode(base64.b64encode(CLICK)),  # Decoded once only.
        base64.b64encode(CLICK[:-1]),
        base64.b64encode(CLICK)[:-5] + b"!",
        b"ey=J" * 5,
    ],
)
def test_other_text_is_not_decoded(text: bytes) -> None:
    assert unpack(text) == [Piece(0, text, "not JSON")]


def test_three_encodings_are_refused() -> None:
    assert events(compressed(compressed(CLICK))) == [CLICK]
    assert reasons(compressed(compressed(compressed(CLICK)))) == ["nested more than 2 deep"]
    assert reasons(compressed(compressed(base64.b64encode(CLICK)))) == ["nested more than 2 deep"]


@pytest.mark.parametrize(
    "content", [CLICK, b" [" + CLICK + b"]\n", base64.b64encode(CLICK), notification(CLICK.decode())]
)
def test_an_event_that_was_encoded_twice_is_read(content: bytes) -> None:
    """A transformer that writes each row as a JSON string: awslabs/lambda-streams-to-firehose#5."""
    assert events(in_string(content)) == [CLICK]
    assert events(CHECKOUT + b"\n" + in_string(content) + b"\n") == [CHECKOUT, CLICK]
    assert events(b"[%b, %b]" % (in_string(content), CHECKOUT)) == [CLICK, CHECKOUT]
    assert events(log_events([in_string(content).decode()])) == [CLICK]


@pytest.mark.parametrize(
    "content", [b"text", b"", b'{"a":1', CLICK + b"x", in_string(CLICK), base64.b64encode(b"text")]
)
def test_other_strings_are_no_events(content: bytes) -> None:
    text = in_string(content)
    assert unpack(text) == [Piece(0, text, "not a JSON object")]


def test_a_broken_event_in_a_string_costs_its_neighbours_nothing() -> None:
    text = in_string(CLICK + b"\n" + BROKEN + b"\n" + CHECKOUT)
    assert unpack(text) == [Piece(0, CLICK), Piece(1, BROKEN, "not JSON"), Piece(2, CHECKOUT)]


def test_a_string_is_an_encoding() -> None:
    assert events(compressed(in_string(CLICK))) == [CLICK]
    assert reasons(compressed(compressed(in_string(CLICK)))) == ["nested more than 2 deep"]
    assert reasons(in_string(in_string(b"[" + in_string(CLICK) + b"]"))) == ["not a JSON object"]
    assert reasons(in_string(b"[" + in_string(b"[" + in_string(CLICK) + b"]") + b"]")) == ["nested more than 2 deep"]
