"""The filters of a request, which stand in the query string of the page's address."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

MODELS = (
    "first_touch", "last_touch", "last_non_direct", "linear", "time_decay", "position_based", "w_shaped", "shapley",
    "markov", "shapley_markov",
)  # fmt: skip
MEASURES = ("net_revenue", "gross_revenue", "conversions")
LOOK_BACKS = {
    "1 hour": timedelta(hours=1),
    "1 day": timedelta(days=1),
    "7 days": timedelta(days=7),
    "30 days": timedelta(days=30),
}
DEFAULT_MODEL = "position_based"
DEFAULT_DAYS = 30
MAX_DAYS = 3660
FIRST_DAY = date(1970, 1, 1)
MAX_LENGTH = 200
NAMES = ("from", "to", "channel", "device", "currency", "segment", "model", "look_back", "measure")


class FilterError(ValueError):
    """A filter is unknown or malformed; the message names it and what is expected."""


@dataclass(frozen=True, kw_only=True)
class Filters:
    """Selection of checkouts for a panel: days in UTC, both included, and values to match. None: all."""

    first_day: date
    last_day: date
    channel: str | None = None
    device: str | None = None
    currency: str | None = None
    segment: str | None = None
    model: str = DEFAULT_MODEL
    look_back: str | None = None
    measure: str = MEASURES[0]

    @property
    def days(self) -> int:
        return (self.last_day - self.first_day).days + 1

    def parameters(self) -> dict[str, object]:
        """Returns the parameters of the statements."""
        return {
            "first_day": self.first_day,
            "last_day": self.last_day,
            "channel": self.channel,
            "device": self.device,
            "currency": self.currency,
            "segment": self.segment,
            "model": self.model,
            "look_back": LOOK_BACKS[self.look_back] if self.look_back else None,
            "measure": self.measure,
        }


def parse(items: Iterable[tuple[str, str]], newest_day: date) -> Filters:
    """Returns the filters of a query string. Without days, the last 30 up to `newest_day`. Empty filters are none.

    Raises:
        FilterError: a filter is unknown, repeated or malformed.
    """
    values: dict[str, str] = {}
    for name, value in items:
        if name not in NAMES:
            raise FilterError(f"{name[:MAX_LENGTH]}: unknown filter; the filters are {', '.join(NAMES)}")
        if name in values:
            raise FilterError(f"{name}: given twice; give it once")
        if len(value) > MAX_LENGTH or "\x00" in value:
            raise FilterError(f"{name}: expected at most {MAX_LENGTH} characters, without NUL")
        values[name] = value
    last_day = _day("to", values["to"]) if values.get("to") else newest_day
    if values.get("from"):
        first_day = _day("from", values["from"])
        last_day = last_day if values.get("to") else max(first_day, last_day)
    else:
        first_day = max(last_day, FIRST_DAY) - timedelta(days=DEFAULT_DAYS - 1)
    if last_day < FIRST_DAY or first_day < FIRST_DAY - timedelta(days=DEFAULT_DAYS):
        raise FilterError(f"from={first_day}, to={last_day}: expected days from {FIRST_DAY} on")
    if first_day > last_day:
        raise FilterError(f"from={first_day} is after to={last_day}: give a day on or before it")
    if (last_day - first_day).days >= MAX_DAYS:
        raise FilterError(f"from={first_day}, to={last_day}: expected at most {MAX_DAYS} days")
    currency = values.get("currency") or None
    if currency and not re.fullmatch("[A-Z]{3}", currency):
        raise FilterError(f"currency={currency}: write a code of ISO 4217, such as EUR")
    return Filters(
        first_day=first_day,
        last_day=last_day,
        channel=values.get("channel") or None,
        device=values.get("device") or None,
        currency=currency,
        segment=values.get("segment") or None,
        model=_choice("model", values, MODELS) or DEFAULT_MODEL,
        look_back=_choice("look_back", values, LOOK_BACKS),
        measure=_choice("measure", values, MEASURES) or MEASURES[0],
    )


def _day(name: str, text: str) -> date:
    try:
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise FilterError(f"{name}={text}: write a day as YYYY-MM-DD")


def _choice(name: str, values: dict[str, str], choices: Iterable[str]) -> str | None:
    value = values.get(name)
    if value and value not in choices:
        raise FilterError(f"{name}={value}: expected one of {', '.join(choices)}")
    return value or None
