"""Records that hold several events, in the wrappings of the usual libraries and delivery agents."""

import gzip
import hashlib
from collections.abc import Callable, Sequence

KPL_MAGIC = b"\xf3\x89\x9a\xc2"

Pack = Callable[[Sequence[bytes], str], bytes]


def lines(events: Sequence[bytes], _key: str = "") -> bytes:
    """Joins events by line breaks, as Firehose and the Kinesis Agent do."""
    return b"\n".join(events) + b"\n"


def joined(events: Sequence[bytes], _key: str = "") -> bytes:
    """Joins events by nothing, as aggregators that expect no text do."""
    return b"".join(events)


def array(events: Sequence[bytes], _key: str = "") -> bytes:
    return b"[" + b",".join(events) + b"]"


def gzipped(events: Sequence[bytes], _key: str = "") -> bytes:
    """Compresses lines. The bytes are the same every time under one version of Python and zlib."""
    return gzip.compress(lines(events), mtime=0)


def kpl(events: Sequence[bytes], key: str) -> bytes:
    """Returns a record of the Kinesis Producer Library, with one partition key for all events.

    https://github.com/awslabs/amazon-kinesis-producer/blob/master/aggregation-format.md
    """
    # partition_key_table = 1, records = 3. A record: partition_key_index = 1 (a number), data = 3.
    records = (b"\x08\x00" + _bytes_field(3, event) for event in events)
    message = _bytes_field(1, key.encode()) + b"".join(_bytes_field(3, record) for record in records)
    return KPL_MAGIC + message + hashlib.md5(message, usedforsecurity=False).digest()


PACKINGS: tuple[Pack, ...] = (lines, joined, array, gzipped, kpl)


def _bytes_field(number: int, value: bytes) -> bytes:
    """Returns a field of bytes in the encoding of Protocol Buffers."""
    return bytes([number << 3 | 2]) + _varint(len(value)) + value


def _varint(number: int) -> bytes:
    groups = bytearray()
    while number >= 0x80:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    groups.append(number)
    return bytes(groups)
