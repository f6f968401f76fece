"""Unpacks a record: from its bytes to the events inside, in any of the usual wrappings.

Two kinds of layers are counted, each by itself, on the way from the record to an event:

- containers carry the records of others: KPL aggregates, CloudWatch Logs payloads, and the envelopes of EventBridge,
  SNS, SQS, DynamoDB and Lambda. At most 2: an SNS notification in an SQS message is readable.
- encodings carry one record in other bytes: gzip, base64 and JSON strings. At most 2: base64 of gzip is readable.

Byte order marks, white space, joined objects, arrays and the `Records` list of a Lambda event are no layers.
"""

import functools
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from runtime.attribution_job.events.framing import base64_text, compression, envelopes, json_string, kpl
from runtime.attribution_job.events.framing.json_objects import is_binary, split, text_part
from runtime.attribution_job.events.framing.json_scanning import NOT_JSON, end_of_value
from runtime.attribution_job.events.framing.parts import FramingError, Part, Piece

MAX_CONTAINERS = 2
MAX_ENCODINGS = 2
TOO_DEEP = "nested more than 2 deep"
# Bounds the memory of one record: 16 MiB could hold 8 million times `{}`. With 168 bytes an event this is 16 MiB.
MAX_PIECES = 100_000
TOO_MANY = "more than 100,000 events in a record"
TRAILING = "gzip: bytes after its end"
MARK = b"\xef\xbb\xbf"
# With a byte order mark, and JSON without one.
UTF16_START = re.compile(rb"\xff\xfe|\xfe\xff|[{\[]\0[\s\S]\0|\0[{\[]\0")
UTF16 = "UTF-16, not UTF-8"


def unpack(data: bytes) -> list[Piece]:
    """Returns the pieces of a record, in order: at least one. Never raises."""
    text = data.strip()
    if _is_one_event(text):
        return [Piece(0, text)]
    parts = list(islice(_Unpacking().record(data, 0, 0), MAX_PIECES + 1))
    if len(parts) > MAX_PIECES:
        parts[MAX_PIECES] = Part(data, TOO_MANY)
    return [Piece(index, *part) for index, part in enumerate(parts)]


def _is_one_event(text: bytes) -> bool:
    """Tells whether a record is one object and certainly no envelope, as most records are."""
    return (
        text.startswith(b"{")
        and end_of_value(text, 0) == len(text)
        and not envelopes.may_be_envelope(text)
        and text_part(text).reason is None
    )


def _has_members(part: Part) -> bool:
    """Tells whether a part is an object of some content. Long binary data contains `{}` by chance."""
    return part.reason is None and b'"' in part.data


class _Unpacking:
    """The unpacking of one record. Each method yields at least one part.

    `containers` and `encodings` are the numbers of layers around the bytes.
    """

    def __init__(self) -> None:
        self.budget = compression.Budget()

    def record(self, data: bytes, containers: int, encodings: int) -> Iterator[Part]:
        if data.startswith(kpl.MAGIC):
            yield from self._container(data, functools.partial(kpl.user_records, data), containers, encodings)
        elif data.startswith(compression.MAGIC):
            yield from self._gzip(data, containers, encodings)
        elif UTF16_START.match(data):
            yield Part(data, UTF16)
        elif not (text := data.strip().removeprefix(MARK).strip()):
            yield Part(data, ignored=True)
        elif _is_one_event(text):
            yield Part(text)
        elif (records := base64_text.decode_text(text)) is not None:
            yield from self._encoded(text, records, containers, encodings)
        else:
            yield from self._text(text, containers, encodings)

    def _gzip(self, data: bytes, containers: int, encodings: int) -> Iterator[Part]:
        if encodings == MAX_ENCODINGS:
            yield Part(data, TOO_DEEP)
            return
        try:
            content, rest = compression.gunzip(data, self.budget)
        except FramingError as error:
            yield Part(data, str(error))
            return
        yield from self.record(content, containers, encodings + 1)
        if rest:
            yield Part(rest, TRAILING)

    def _encoded(self, text: bytes, records: list[bytes], containers: int, encodings: int) -> Iterator[Part]:
        if encodings == MAX_ENCODINGS:
            yield Part(text, TOO_DEEP)
            return
        for record in records:
            yield from self.record(record, containers, encodings + 1)

    def _text(self, text: bytes, containers: int, encodings: int) -> Iterator[Part]:
        parts = list(islice(split(text), MAX_PIECES + 1))
        if not parts:  # Separators only, or empty arrays.
            yield Part(text, ignored=True) if b"[" in text else Part(text, NOT_JSON)
        elif not any(_has_members(part) for part in parts) and is_binary(text):
            yield text_part(text, NOT_JSON)
        else:
            for part in parts:
                if part.reason is None and envelopes.may_be_envelope(part.data):
                    yield from self._envelope(part.data, containers, encodings)
                elif (record := json_string.record_in(part.data)) is not None:
                    yield from self._encoded(part.data, [record], containers, encodings)
                else:
                    yield part

    def _envelope(self, data: bytes, containers: int, encodings: int) -> Iterator[Part]:
        records = envelopes.lambda_records(data)
        is_lambda_record = records is not None
        for record in records or (data,):
            read = functools.partial(envelopes.payloads_of, record, is_lambda_record=is_lambda_record)
            yield from self._container(record, read, containers, encodings)

    def _container(
        self, data: bytes, read: Callable[[], Iterable[bytes] | None], containers: int, encodings: int
    ) -> Iterator[Part]:
        try:
            payloads = read()
        except FramingError as error:
            yield Part(data, str(error))
            return
        if payloads is None:
            yield Part(data)
        elif containers == MAX_CONTAINERS:
            yield Part(data, TOO_DEEP)
        else:
            is_empty = True
            for payload in payloads:
                is_empty = False
                yield from self.record(payload, containers + 1, encodings)
            if is_empty:
                yield Part(data, ignored=True)
