"""Rows of the tables, computed from accepted events."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeAlias

from local.reconciliation.contract import LABELS, Event
from local.reconciliation.credits import credit
from local.reconciliation.orders import net_amounts

Row: TypeAlias = dict[str, Any]
Table: TypeAlias = dict[Any, Row]

UTM = ("utm_source", "utm_medium", "utm_campaign")


def raw_row(event: Event) -> Row:
    details = event.details
    row = {
        "user_id": event.user_id,
        f"{event.kind}_timestamp": event.at,
        **{name: details[name] for name in (*LABELS[event.kind], "stated_timestamp", "arrived_at")},
        "repairs": details["repairs"] or None,
    }
    if event.kind == "click":
        return row | {"is_bot": event.is_bot}
    if event.kind == "refund":
        return row | {"checkout_id": event.checkout_id, "amount": event.amount, "currency": event.currency}
    sale = {"items": details["items"], "total_amount": event.amount, "currency": event.currency}
    return row | sale | {"revision": event.revision, "cancelled": event.cancelled, "test": event.test}


def attributed_rows(checkouts: Sequence[Event], clicks: Sequence[Event], raw_clicks: Table) -> Table:
    credited = credit(checkouts, clicks)
    rows: Table = {}
    for checkout in checkouts:
        at, click_id = credited[checkout.id] or (None, None)
        rows[checkout.id] = {
            "user_id": checkout.user_id,
            "checkout_timestamp": checkout.at,
            "total_amount": checkout.amount,
            "currency": checkout.currency,
            "test": checkout.test,
            "click_id": click_id,
            "click_timestamp": at,
            **{name: raw_clicks[click_id][name] if click_id else None for name in UTM},
        }
    return rows


def net_rows(checkouts: Sequence[Event], refunds: Sequence[Event], attributed: Table) -> Table:
    amounts = net_amounts(checkouts, refunds)
    copied = ("user_id", "checkout_timestamp", "currency", "click_id", *UTM)
    return {
        checkout.id: {
            **{name: attributed[checkout.id][name] for name in copied},
            "gross_amount": amounts[checkout.id].gross,
            "refunded_amount": amounts[checkout.id].refunded,
            "excess_refund": amounts[checkout.id].excess,
            "net_amount": amounts[checkout.id].net,
            "cancelled": checkout.cancelled,
        }
        for checkout in checkouts
        if checkout.id in amounts
    }


def user_rows(checkouts: Sequence[Event], clicks: Sequence[Event], raw_clicks: Table) -> Table:
    """Returns the users. A robot's click makes no user, and a test order is no order of its user."""
    clicks = [click for click in clicks if not click.is_bot]
    return {
        user_id: user_row(
            [checkout for checkout in checkouts if checkout.user_id == user_id],
            sorted((click.at, click.id) for click in clicks if click.user_id == user_id),
            raw_clicks,
        )
        for user_id in {event.user_id for event in (*checkouts, *clicks)}
    }


def user_row(checkouts: Sequence[Event], clicks: Sequence[tuple[datetime, str]], raw_clicks: Table) -> Row:
    """Returns one user's row. `clicks` holds the times and ids of the user's clicks, in ascending order."""
    times = [checkout.at for checkout in checkouts] + [at for at, _ in clicks]
    (first_at, first_id), (last_at, last_id) = (clicks[0], clicks[-1]) if clicks else ((None, None), (None, None))
    first = raw_clicks[first_id] if first_id else {}
    orders = [checkout for checkout in checkouts if not checkout.test]
    return {
        "first_seen": min(times),
        "last_seen": max(times),
        "first_click_timestamp": first_at,
        "first_click_id": first_id,
        **{f"first_{name}": first.get(name) for name in UTM},
        "last_click_timestamp": last_at,
        "last_click_id": last_id,
        "last_device": raw_clicks[last_id]["device_type"] if last_id else None,
        "order_count": len(orders),
        "lifetime_value": sum((order.amount or Decimal(0) for order in orders), Decimal(0)),
    }
