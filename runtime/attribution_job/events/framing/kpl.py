"""Aggregated records of the Kinesis Producer Library (KPL).

The format is a magic number, an `AggregatedRecord` in Protocol Buffers, and the MD5 digest of that message:
https://github.com/awslabs/amazon-kinesis-producer/blob/master/aggregation-format.md

    message AggregatedRecord {
      repeated string partition_key_table     = 1;
      repeated string explicit_hash_key_table = 2;
      repeated Record records                 = 3;
    }
    message Record {
      required uint64 partition_key_index     = 1;
      optional uint64 explicit_hash_key_index = 2;
      required bytes  data                    = 3;
      repeated Tag    tags                    = 4;
    }

Partition keys and tags are skipped: an event carries its user itself.
"""

import hashlib
from collections.abc import Iterator

from runtime.attribution_job.events.framing.parts import FramingError

MAGIC = b"\xf3\x89\x9a\xc2"
DIGEST_BYTES = 16
DAMAGED = "KPL aggregate: damaged"
WRONG_DIGEST = "KPL aggregate: wrong digest"
TOO_SHORT = "KPL aggregate that ends too early"
RECORDS_FIELD = 3
DATA_FIELD = 3
# Wire types of Protocol Buffers, and the bytes of a value of fixed length.
VARINT = 0
LENGTH_DELIMITED = 2
FIXED_BYTES = {1: 8, 5: 4}
MAX_VARINT_BITS = 63


def user_records(data: bytes) -> list[bytes]:
    """Returns the user records of an aggregated record, in order.

    Raises:
        FramingError: the digest is wrong, or the message breaks the format.
    """
    if len(data) < len(MAGIC) + DIGEST_BYTES:
        raise FramingError(TOO_SHORT)
    message, digest = data[len(MAGIC) : -DIGEST_BYTES], data[-DIGEST_BYTES:]
    if hashlib.md5(message, usedforsecurity=False).digest() != digest:
        raise FramingError(WRONG_DIGEST)
    return [_data_of(record) for record in _byte_fields(message, RECORDS_FIELD)]


def _data_of(record: bytes) -> bytes:
    data: bytes | None = None
    for data in _byte_fields(record, DATA_FIELD):  # noqa: B007  Of a repeated field the last one counts.
        pass
    if data is None:
        raise FramingError(DAMAGED)
    return data


def _byte_fields(message: bytes, wanted: int) -> Iterator[bytes]:
    """Yields the values of one length-delimited field, and checks and skips all other fields."""
    position = 0
    while position < len(message):
        tag, position = _varint(message, position)
        field, wire_type = tag >> 3, tag & 7
        if wire_type == VARINT:
            _, end = _varint(message, position)
        elif wire_type == LENGTH_DELIMITED:
            length, position = _varint(message, position)
            end = position + length
        elif wire_type in FIXED_BYTES:
            end = position + FIXED_BYTES[wire_type]
        else:
            raise FramingError(DAMAGED)
        if field == 0 or end > len(message) or (field == wanted and wire_type != LENGTH_DELIMITED):
            raise FramingError(DAMAGED)
        if field == wanted:
            yield message[position:end]
        position = end


def _varint(message: bytes, position: int) -> tuple[int, int]:
    """Returns a number in base-128 groups, the lowest group first, and the position behind it."""
    value = shift = 0
    while position < len(message) and shift <= MAX_VARINT_BITS:
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
    raise FramingError(DAMAGED)
