"""Records that are written as a JSON string: `"{\\"click_id\\": …}"`. Senders that encode an event twice make them."""

import json

from runtime.attribution_job.events.framing import base64_text


def record_in(text: bytes) -> bytes | None:
    """Returns the characters of a JSON string that holds events or base64 of them; None for other text."""
    if not text.startswith(b'"'):
        return None
    content = characters(text)
    holds_events = base64_text.may_hold_events(content) or base64_text.decode_text(content) is not None
    return content if holds_events else None


def characters(value: bytes) -> bytes:
    """Returns the characters of a JSON string, and of other values the JSON text itself."""
    if not value.startswith(b'"'):
        return value
    try:
        return str(json.loads(value)).encode("utf-8", "surrogatepass")
    except ValueError:
        return value
