"""Division of a record's bytes into events: the second implementation of section 1 of the event contract."""

import base64
import binascii
import re
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from local.reconciliation.contract import kpl
from local.reconciliation.contract.envelopes import payload_of
from local.reconciliation.contract.json_text import WHITE_SPACE, Object, decode_at, skip_space

GZIP_MAGIC = b"\x1f\x8b"
MAX_UNPACKED_BYTES = 16 * 1024 * 1024
MAX_EVENT_BYTES = 1024 * 1024
# Encodings in encodings, and likewise aggregates and envelopes in each other.
MAX_NESTING = 2
ENCODINGS = {"gzip", "base64", "string"}
TOO_DEEP = f"nested more than {MAX_NESTING} deep"
BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
# Where the next event can begin after an object that is not JSON, on the next line or between "}" and "{", and after
# other text.
AFTER_OBJECT = re.compile(r"[\r\n]|\}(?=[ \t]*\{)")
AFTER_TEXT = re.compile(r"[\r\n]|(?=\{)")


class Piece(NamedTuple):
    """An event of a record, or a part of the record that is not an event.

    `reason`: why the part is refused. An ignored part has neither `value` nor `reason`. `data`: the bytes of the part.
    """

    data: bytes
    value: Object | None = None
    reason: str | None = None


def unpack(data: bytes) -> list[Piece]:
    """Returns the pieces of a record: at least one."""
    return list(_Record().pieces(data, ())) or [Piece(data)]


class _Record:
    """A record and the number of bytes that its gzip parts may still grow to."""

    def __init__(self) -> None:
        self._bytes_left = MAX_UNPACKED_BYTES

    def pieces(self, data: bytes, layers: tuple[str, ...]) -> Iterator[Piece]:
        """Yields the pieces of `data`. `layers`: the names of the layers that have been unpacked already."""
        if _is_too_deep(layers):
            yield Piece(data, reason=TOO_DEEP)
        elif data.startswith(kpl.MAGIC):
            yield from self._kpl(data, (*layers, "KPL"))
        elif data.startswith(GZIP_MAGIC):
            yield from self._gzip(data, (*layers, "gzip"))
        else:
            text = data.decode(errors="surrogateescape")
            text = text[skip_space(text, 0) :].rstrip(WHITE_SPACE)
            decoded = _base64_payload(text) if layers[-1:] != ("base64",) else None
            if decoded is not None:
                yield from self.pieces(decoded, (*layers, "base64"))
            elif text.startswith("["):
                yield from self._array(text, layers)
            else:
                yield from self._joined(text, layers)

    def _kpl(self, data: bytes, layers: tuple[str, ...]) -> Iterator[Piece]:
        try:
            records = kpl.user_records(data)
        except ValueError as error:
            yield Piece(data, reason=str(error))
            return
        for record in records:
            yield from list(self.pieces(record, layers)) or [Piece(record)]

    def _gzip(self, data: bytes, layers: tuple[str, ...]) -> Iterator[Piece]:
        try:
            content = self._decompressed(data)
        except (ValueError, zlib.error) as error:
            reason = str(error) if isinstance(error, ValueError) else "gzip that cannot be read"
            yield Piece(data, reason=reason)
        else:
            yield from self.pieces(content, layers)

    def _decompressed(self, data: bytes) -> bytes:
        """Returns the content of all gzip members."""
        content = b""
        while data.strip(b"\0\r\n"):
            member = zlib.decompressobj(wbits=31)
            content += member.decompress(data, self._bytes_left + 1 - len(content))
            if len(content) > self._bytes_left:
                raise ValueError("larger than 16 MiB after decompression")
            if not member.eof:
                raise ValueError("gzip that ends too early")
            data = member.unused_data
        self._bytes_left -= len(content)
        return content

    def _array(self, text: str, layers: tuple[str, ...]) -> Iterator[Piece]:
        """Yields the elements of a JSON array. What follows an element that is not JSON is one refused piece."""
        position = skip_space(text, 1)
        while not text.startswith("]", position):
            try:
                value, end = decode_at(text, position)
                after = skip_space(text, end)
                if text[after : after + 1] not in (",", "]"):
                    raise ValueError("not JSON")
            except (ValueError, RecursionError) as error:
                yield _refused(text[position:], error)
                return
            yield from self._value(text[position:end], value, layers)
            position = skip_space(text, after + 1) if text[after] == "," else after
        yield from self._joined(text[position + 1 :], layers)

    def _joined(self, text: str, layers: tuple[str, ...]) -> Iterator[Piece]:
        """Yields JSON values that line breaks, or nothing, separate."""
        position = skip_space(text, 0)
        while position < len(text):
            try:
                value, end = decode_at(text, position)
            except (ValueError, RecursionError) as error:
                boundary = (AFTER_OBJECT if text[position] == "{" else AFTER_TEXT).search(text, position)
                end = boundary.end() if boundary else len(text)
                yield _refused(text[position:end].rstrip(), error)
            else:
                if isinstance(value, list):
                    yield from list(self._array(text[position:end], layers))
                else:
                    yield from self._value(text[position:end], value, layers)
            position = skip_space(text, end)

    def _value(self, text: str, value: object, layers: tuple[str, ...]) -> Iterator[Piece]:
        """Yields the events of one JSON value: itself, or those that it carries."""
        data = _bytes(text)
        if not _is_utf8(text):
            yield Piece(data, reason="not UTF-8")
        elif isinstance(value, str) and _holds_events(value):
            yield from self.pieces(value.encode(errors="surrogatepass"), (*layers, "string"))
        elif not isinstance(value, Object):
            yield Piece(data, reason="not a JSON object")
        elif value.get("messageType") == "CONTROL_MESSAGE" and "logEvents" in value:
            yield Piece(data)
        elif value.get("messageType") == "DATA_MESSAGE" and isinstance(value.get("logEvents"), list):
            for log_event in value["logEvents"]:
                message = log_event.get("message") if isinstance(log_event, Object) else None
                yield from self._payload(message, text, (*layers, "CloudWatch"))
        elif (payload := payload_of(value)) is not value:
            yield from self._payload(payload, text, (*layers, "envelope"))
        elif len(data) > MAX_EVENT_BYTES:
            yield Piece(data, reason="larger than 1 MiB")
        else:
            yield Piece(data, value)

    def _payload(self, payload: object, envelope: str, layers: tuple[str, ...]) -> Iterator[Piece]:
        """Yields the events of a payload. A payload that is an object has its envelope's text as data."""
        if isinstance(payload, str):
            data = payload.encode(errors="surrogatepass")
            yield from list(self.pieces(data, layers)) or [Piece(data)]
        elif not isinstance(payload, Object | list):
            yield Piece(_bytes(envelope), reason="an envelope without an event")
        elif _is_too_deep(layers):
            yield Piece(_bytes(envelope), reason=TOO_DEEP)
        else:
            for event in payload if isinstance(payload, list) else [payload]:
                yield from self._value(envelope, event, layers)


def _is_too_deep(layers: tuple[str, ...]) -> bool:
    encodings = sum(layer in ENCODINGS for layer in layers)
    return max(encodings, len(layers) - encodings) > MAX_NESTING


def _base64_payload(text: str) -> bytes | None:
    """Returns what `text` encodes if it is the base64 text of KPL, gzip or JSON, else None."""
    if not BASE64.fullmatch(text):
        return None
    try:
        data = base64.b64decode(text, validate=True)
    except binascii.Error:
        return None
    return data if _is_enclosed(data) or data.startswith((kpl.MAGIC, GZIP_MAGIC)) else None


def _holds_events(text: str) -> bool:
    """Tells whether the characters of a JSON string are JSON objects, arrays, or base64 of events."""
    return _is_enclosed(text.encode(errors="surrogatepass")) or _base64_payload(text) is not None


def _is_enclosed(data: bytes) -> bool:
    content = data.strip(b"\xef\xbb\xbf \t\r\n")
    return content[:1] + content[-1:] in (b"{}", b"[]")


def _refused(text: str, error: Exception) -> Piece:
    if not _is_utf8(text):
        return Piece(_bytes(text), reason="not UTF-8")
    too_deep = isinstance(error, RecursionError)
    return Piece(_bytes(text), reason="JSON that is nested too deep" if too_deep else "not JSON")


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogateescape")
