"""Version 1 of the event contract: fields and encoding of clicks and checkouts."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from runtime.data_generator.shop import Channel, Product, Shopper

Stream = Literal["clicks", "checkouts"]
Event = dict[str, Any]

SCHEMA_VERSION = 1
TIMESTAMP_FIELD: dict[Stream, str] = {"clicks": "click_timestamp", "checkouts": "checkout_timestamp"}

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_compact = json.JSONEncoder(separators=(",", ":"))


def click(click_id: str, session_id: str, shopper: Shopper, channel: Channel, product: Product) -> Event:
    """Returns a click without its timestamp, which the simulation adds."""
    return {
        "schema_version": SCHEMA_VERSION,
        "click_id": click_id,
        "user_id": shopper.user_id,
        "session_id": session_id,
        "product_id": product.product_id,
        "page_url": f"https://shop.example/products/{product.product_id}",
        "utm_source": channel.utm_source,
        "utm_medium": channel.utm_medium,
        "utm_campaign": channel.utm_campaign,
        "device_type": shopper.device,
    }


def checkout(checkout_id: str, session_id: str, shopper: Shopper, basket: Mapping[Product, int]) -> Event:
    """Returns a checkout without its timestamp. `basket` maps each product to its quantity."""
    return {
        "schema_version": SCHEMA_VERSION,
        "checkout_id": checkout_id,
        "user_id": shopper.user_id,
        "session_id": session_id,
        "items": [
            {"product_id": product.product_id, "quantity": quantity, "unit_price": str(product.price)}
            for product, quantity in basket.items()
        ],
        "total_amount": str(sum(product.price * quantity for product, quantity in basket.items())),
        "currency": shopper.currency,
        "payment_method": shopper.payment_method,
    }


def encode(event: Event) -> bytes:
    """Returns the event as one line of UTF-8 JSON."""
    return _compact.encode(event).encode()


def to_milliseconds(time: datetime) -> int:
    """Returns the milliseconds since 1970, rounded down. Float arithmetic would round some times up."""
    return (time - EPOCH) // timedelta(milliseconds=1)


def timestamp(milliseconds: int) -> str:
    """Returns milliseconds since 1970 as an ISO-8601 time in UTC, with three decimals and `Z`."""
    return (EPOCH + timedelta(milliseconds=milliseconds)).isoformat(timespec="milliseconds")[:-6] + "Z"
