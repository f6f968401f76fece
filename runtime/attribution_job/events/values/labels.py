"""Labels: optional texts, for which no event is refused."""

import re
from decimal import Decimal
from typing import Any

from runtime.attribution_job.events.values import UNUSABLE, Repairs
from runtime.attribution_job.events.values.numbers import spell, whole

NUL = re.compile("\0")
LONE_SURROGATE = re.compile("[\ud800-\udfff]")
# PostgreSQL's text cannot hold these characters.
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
REPLACEMENT = "\ufffd"


def read_label(value: Any, repairs: Repairs) -> str | None:
    """Returns a scalar as text, or a list's first scalar; null for anything else."""
    if value is None:
        return None
    if isinstance(value, str):
        return value if value.isprintable() else storable(value, repairs)
    if isinstance(value, list):
        texts = (text for text in map(_scalar, value) if text is not None)
        text, repair = next(texts, None), "label_from_list"
    else:
        text, repair = _scalar(value), "label_from_scalar"
    repairs.add(UNUSABLE if text is None else repair)
    return text and storable(text, repairs)


def storable(text: str, repairs: Repairs) -> str:
    """Replaces the characters that PostgreSQL cannot hold: NUL and halves of surrogate pairs."""
    if not _UNSTORABLE.search(text):
        return text
    repairs.add("replaced_text")
    return _UNSTORABLE.sub(REPLACEMENT, text)


def _scalar(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | Decimal):
        # Data frames write integers as 2.0.
        number = whole(value)
        return spell(value if number is None else number)
    return value if isinstance(value, str) else None
