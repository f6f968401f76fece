"""Decodes records that are base64 text."""

import binascii
import re

from runtime.attribution_job.events.framing import compression, kpl

TEXT = re.compile(rb"[A-Za-z0-9+/=\r\n]+|[A-Za-z0-9_=\r\n-]+")
# More lines can only be one text. The lines of a record of records are bounded like its events.
MAX_LINES = 100_000
URL_SAFE = bytes.maketrans(b"-_", b"+/")
WHITE_SPACE_OR_MARK = b" \t\r\n\xef\xbb\xbf"


def decode_text(text: bytes) -> list[bytes] | None:
    """Decodes base64 text with any line breaks.

    Returns:
        The values of the lines, when each line is a text of its own; else the value of the whole text. None unless
        the values are gzip, KPL aggregates, or enclosed like JSON objects or arrays.
    """
    if not TEXT.fullmatch(text):
        return None
    lines = text.split(maxsplit=MAX_LINES)
    values = [value for line in lines if (value := _record(line)) is not None]
    if len(values) == len(lines):
        return values
    whole = _record(text.translate(None, b"\r\n"))
    return None if whole is None else [whole]


def decode(text: bytes) -> bytes | None:
    """Decodes base64 in the standard or the URL-safe alphabet, with or without padding. Returns None for other text."""
    digits = text.rstrip(b"=").translate(URL_SAFE)
    try:
        return binascii.a2b_base64(digits + b"=" * (-len(digits) % 4), strict_mode=True)
    except binascii.Error:
        return None


def _record(text: bytes) -> bytes | None:
    value = decode(text)
    return value if value is not None and may_hold_events(value) else None


def may_hold_events(data: bytes) -> bool:
    """Tells whether decoded bytes are gzip, a KPL aggregate, or enclosed like JSON objects or arrays."""
    json = data.strip(WHITE_SPACE_OR_MARK)
    return data.startswith((compression.MAGIC, kpl.MAGIC)) or json[:1] + json[-1:] in (b"{}", b"[]")
