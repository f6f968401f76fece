"""Shops with exchange rates, spend and devices, and the panels of a page that has read nothing before."""

import asyncio
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from runtime.analytics.refresh import refresh
from runtime.dashboard.database import Database
from runtime.dashboard.panels.reading import Panels
from tests.runtime.analytics.conftest import Logins
from tests.runtime.analytics.shops import CLEAR, EVENING, Shop, deliver

RATES = {"EUR": Decimal(1), "JPY": Decimal("0.0061"), "KWD": Decimal("2.99")}
FIRST_DAY = EVENING.date()
# All days of the shops, whose revisions state other times.
DAYS = {"from": "2026-11-01", "to": "2026-12-31"}
Filters = Mapping[str, str]


def ask(url: str, *requests: tuple[str, Filters]) -> list[dict[str, Any]]:
    """Returns panels, from a page that has read nothing before."""

    async def read() -> list[dict[str, Any]]:
        database = Database(lambda: url)
        panels = Panels(database)
        try:
            return [await panels.panel(name, list(filters.items())) for name, filters in requests]
        finally:
            await database.close()

    return asyncio.run(read())


def fill(logins: Logins, shop: Shop) -> None:
    """Writes a shop with exchange rates, spend, and the devices of its clicks, and computes its paths."""
    logins.owner.execute(CLEAR)
    for currency in ("JPY", "KWD"):
        logins.owner.execute("insert into exchange_rates values ('2026-11-01', %s, %s)", [currency, RATES[currency]])
    logins.owner.execute("insert into ad_spend values (%s, 'Email', 'weekly', 7, 'KWD')", [FIRST_DAY])
    deliver(logins.sink, shop, shop.events)
    logins.owner.execute(
        "update raw_clicks set device_type = case when click_id < 'c4' then 'mobile' else 'desktop' end"
    )
    refresh(logins.refresher)
