"""Incidents: what goes wrong at a shop, so that exactly one rule of data quality is breached.

An incident has the name of its rule in the table `quality_rules`. `slow_processing` has none: no producer causes it.
"""

import random
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from runtime.data_generator import corrections
from runtime.data_generator.events import Event, Kind
from runtime.data_generator.senders import AHEAD_MS, ROBOT_SIGNS, Sender, epoch_milliseconds
from runtime.data_generator.settings import IncidentName, Settings

# Shares of the visits or of the events.
COMMON = 0.6
SOME = 0.3
# Last digits of the ids of the events that are not lost.
KEPT = "01"


class Incident(NamedTuple):
    """A change of what senders do. The default changes nothing.

    Attributes:
        settings: settings that the incident replaces.
        sender: changes the sender of a visit.
        event: changes an event as written; null for an event that is lost. Has no chance in it, because an event that
            is sent again must stay the same.
        again: an event to send after another one, or null.
    """

    settings: Mapping[str, Any] = {}
    sender: Callable[[Sender, Settings, random.Random], Sender] = lambda sender, _settings, _rng: sender
    event: Callable[[Kind, Event], Event | None] = lambda _kind, event: event
    again: Callable[[Kind, Event, random.Random], Event | None] = lambda _kind, _event, _rng: None


def _without(kind: Kind, *fields: str) -> Incident:
    return Incident(event=lambda of, event: event | dict.fromkeys(fields) if of == kind else event)


def _without_source(kind: Kind, event: Event) -> Event:
    if kind != "click":
        return event
    labels = dict.fromkeys(("utm_source", "utm_medium", "utm_campaign", "referrer"))
    return event | labels | {"page_url": event["page_url"].partition("?")[0]}


def _lose_clicks(kind: Kind, event: Event) -> Event | None:
    return None if kind == "click" and event["click_id"][-1] not in KEPT else event


def _lose_checkouts(kind: Kind, event: Event) -> Event | None:
    """Loses checkouts with all that follows them."""
    return None if kind != "click" and event["checkout_id"][-1] not in KEPT else event


def _add_field(_kind: Kind, event: Event) -> Event:
    return event | {"consent_state": "granted"}


def _free(kind: Kind, event: Event) -> Event:
    return event | {"total_amount": "0.00"} if kind == "checkout" else event


def _hundredfold(kind: Kind, event: Event) -> Event:
    """Writes the total in cents, as after a change of the shop's price format."""
    if kind != "checkout":
        return event
    return event | {"total_amount": str(Decimal(str(event["total_amount"])) * 100)}


def _unknown_order(kind: Kind, event: Event) -> Event:
    return event | {"checkout_id": f"old-{event['checkout_id']}"} if kind == "refund" else event


def _robot(sender: Sender, _settings: Settings, rng: random.Random) -> Sender:
    return sender._replace(robot=ROBOT_SIGNS[0]) if rng.random() < COMMON else sender


def _numbers_as_times(sender: Sender, _settings: Settings, _rng: random.Random) -> Sender:
    return sender._replace(write_time=epoch_milliseconds)


def _clock_ahead(sender: Sender, settings: Settings, rng: random.Random) -> Sender:
    if rng.random() >= SOME:
        return sender
    return sender._replace(ahead_ms=settings.period_seconds * 1000 + rng.randint(*AHEAD_MS))


def _copy(_kind: Kind, event: Event, rng: random.Random) -> Event | None:
    return event if rng.random() < SOME else None


def _contradiction(kind: Kind, event: Event, rng: random.Random) -> Event | None:
    return corrections.contradict(kind, event, rng) if rng.random() < SOME else None


INCIDENTS: Mapping[IncidentName, Incident] = {
    "clicks_without_session": _without("click", "session_id"),
    "clicks_without_page": _without("click", "page_url"),
    "clicks_without_device": _without("click", "device_type"),
    "clicks_without_source": Incident(event=_without_source),
    "clicks_missing": Incident(event=_lose_clicks),
    "checkouts_missing": Incident(event=_lose_checkouts),
    "checkouts_without_items": _without("checkout", "items"),
    "refused_events": Incident(settings={"malformed_share": SOME}),
    "unknown_fields": Incident(event=_add_field),
    "robot_clicks": Incident(sender=_robot),
    "free_checkouts": Incident(event=_free),
    "repaired_events": Incident(sender=_numbers_as_times),
    "repeated_events": Incident(again=_copy),
    "conflicting_events": Incident(again=_contradiction),
    "late_events": Incident(settings={"late_share": SOME}),
    "clock_corrections": Incident(sender=_clock_ahead),
    "orphan_refunds": Incident(event=_unknown_order),
    "totals_unlike_items": Incident(event=_hundredfold),
}


def incident_of(settings: Settings) -> Incident:
    """Returns the incident of the settings, which changes nothing if there is none."""
    return INCIDENTS[settings.incident] if settings.incident else Incident()
