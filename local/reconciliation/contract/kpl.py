"""Aggregates of the Kinesis Producer Library (KPL)."""

import hashlib
from collections.abc import Iterator

MAGIC = b"\xf3\x89\x9a\xc2"
DIGEST_BYTES = 16
# Numbers of fields: the records of an aggregate, and the data of a record. See
# https://github.com/awslabs/amazon-kinesis-producer/blob/master/aggregation-format.md
RECORDS, DATA = 3, 3


def user_records(aggregate: bytes) -> list[bytes]:
    """Returns the data of the user records.

    Raises:
        ValueError: the digest is wrong, or the message cannot be read.
    """
    message, digest = aggregate[len(MAGIC) : -DIGEST_BYTES], aggregate[-DIGEST_BYTES:]
    if hashlib.md5(message, usedforsecurity=False).digest() != digest:
        raise ValueError("KPL aggregate with a wrong digest")
    try:
        return [[*_fields(record, DATA)][-1] for record in _fields(message, RECORDS)]
    except IndexError as error:
        raise ValueError("KPL aggregate that cannot be read") from error


def _fields(message: bytes, number: int) -> Iterator[bytes]:
    """Yields the values of a length-delimited field of a Protocol Buffers message."""
    position = 0
    while position < len(message):
        tag, position = _varint(message, position)
        if tag & 7 == 0:
            _, position = _varint(message, position)
        elif tag & 7 == 2:
            length, position = _varint(message, position)
            if position + length > len(message):
                raise ValueError("KPL aggregate that cannot be read")
            if tag >> 3 == number:
                yield message[position : position + length]
            position += length
        else:
            raise ValueError("KPL aggregate that cannot be read")


def _varint(message: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, position
