"""Version 1 of the event contract: fields and encoding of clicks, checkouts and refunds in their plain form."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from runtime.data_generator.shop import EXPERIMENT, Channel, Product, Shopper

Stream = Literal["clicks", "checkouts"]
Kind = Literal["click", "checkout", "refund"]
Event = dict[str, Any]

SCHEMA_VERSION = 1
STREAM_OF: dict[Kind, Stream] = {"click": "clicks", "checkout": "checkouts", "refund": "checkouts"}
ID_FIELD: dict[Kind, str] = {"click": "click_id", "checkout": "checkout_id", "refund": "refund_id"}
TIMESTAMP_FIELD: dict[Kind, str] = {
    "click": "click_timestamp",
    "checkout": "checkout_timestamp",
    "refund": "refund_timestamp",
}
AMOUNT_FIELD: dict[Kind, str] = {"checkout": "total_amount", "refund": "amount"}

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SITE = "https://shop.example"

_compact = json.JSONEncoder(separators=(",", ":"))


def page_url(product: Product) -> str:
    return f"{SITE}/products/{product.product_id}"


def click(
    click_id: str, session_id: str, shopper: Shopper, channel: Channel, product: Product, *, referrer: str | None
) -> Event:
    """Returns a click without its timestamp, which its sender adds."""
    return {
        "schema_version": SCHEMA_VERSION,
        "click_id": click_id,
        "user_id": shopper.user_id,
        "session_id": session_id,
        "product_id": product.product_id,
        "page_url": page_url(product),
        "referrer": referrer,
        "utm_source": channel.utm_source,
        "utm_medium": channel.utm_medium,
        "utm_campaign": channel.utm_campaign,
        "device_type": shopper.device,
        "experiment_id": EXPERIMENT if shopper.variant else None,
        "variant": shopper.variant,
    }


def checkout(checkout_id: str, session_id: str, shopper: Shopper, basket: Mapping[Product, int]) -> Event:
    """Returns a checkout without its timestamp. `basket` maps each product to its quantity."""
    items = [
        {"product_id": product.product_id, "quantity": quantity, "unit_price": str(product.price)}
        for product, quantity in basket.items()
    ]
    return {
        "schema_version": SCHEMA_VERSION,
        "checkout_id": checkout_id,
        "user_id": shopper.user_id,
        "session_id": session_id,
        "items": items,
        "total_amount": total_of(items),
        "currency": shopper.currency,
        "payment_method": shopper.payment_method,
    }


def refund(refund_id: str, sale: Event, amount: Decimal) -> Event:
    """Returns a refund of a checkout, without its timestamp."""
    return {
        "schema_version": SCHEMA_VERSION,
        "refund_id": refund_id,
        "checkout_id": sale["checkout_id"],
        "user_id": sale["user_id"],
        "amount": str(amount),
        "currency": sale["currency"],
    }


def total_of(items: list[dict[str, Any]]) -> str:
    """Returns the exact total of a checkout's items."""
    return str(sum(Decimal(item["unit_price"]) * item["quantity"] for item in items))


def encode(event: Event) -> bytes:
    """Returns the event as one line of UTF-8 JSON."""
    return _compact.encode(event).encode()


def to_milliseconds(time: datetime) -> int:
    """Returns the milliseconds since 1970, rounded down. Float arithmetic would round some times up."""
    return (time - EPOCH) // timedelta(milliseconds=1)


def timestamp(milliseconds: int) -> str:
    """Returns milliseconds since 1970 as an ISO-8601 time in UTC, with three decimals and `Z`."""
    return (EPOCH + timedelta(milliseconds=milliseconds)).isoformat(timespec="milliseconds")[:-6] + "Z"
