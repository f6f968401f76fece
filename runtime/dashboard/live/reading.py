"""Reads what is new into the window of the live page."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, LiteralString

from runtime.dashboard.database import Connection
from runtime.dashboard.live import live_statements
from runtime.dashboard.live.window import HOUR, UNATTRIBUTED, Batch, Labels, Window, first_step, step

# Batches of another writer may commit after a later one.
OVERLAP = timedelta(seconds=10)
CHART = timedelta(minutes=10)
# Steps of five seconds whose checkouts are read again at each commit, and seconds until the whole hour is.
RECENT_STEPS = 24
FULL_SECONDS = 60
MAX_KNOWN_LABELS = 10_000
TEXT_LENGTH = 120

Row = tuple[Any, ...]


@dataclass(frozen=True)
class Credit:
    """A credited checkout of the ticker. `before_seconds`: time from the click to the checkout."""

    at: datetime
    product: str | None
    before_seconds: float
    channel: str
    amount: str
    currency: str


@dataclass
class Reader:
    """Keeps a window up to date. `now`: the database's clock at the last look."""

    window: Window = field(default_factory=Window)
    ticker: list[Credit] = field(default_factory=list)
    definitions: dict[str, str] = field(default_factory=dict)
    currency: str = ""
    now: datetime | None = None
    _commit: tuple[datetime, datetime] | None = None
    _channels: dict[Labels, str] = field(default_factory=dict)
    _full_due: float = 0.0

    async def read(self, connection: Connection) -> bool:
        """Looks for a newer commit, and reads what it wrote. Returns whether there was one."""
        newest = await _rows(connection, live_statements.NEWEST)
        if not newest:
            self.definitions = self.definitions or await self._read_definitions(connection)
            return False
        began_at, committed_at, self.now = newest[0]
        if self._commit == (began_at, committed_at):
            return False
        if self._commit and not timedelta() <= began_at - self._commit[0] <= CHART:
            # Nobody has looked for long, or it is another database.
            self.window, self._commit = Window(), None
        await self._read_commits(connection, began_at)
        self._commit = began_at, committed_at
        return True

    async def _read_commits(self, connection: Connection, newest: datetime) -> None:
        """Reads everything that changed before the window is changed, because each read can fail."""
        is_full = self._commit is None or time.monotonic() >= self._full_due
        if is_full:
            self.definitions = await self._read_definitions(connection)
        if is_full or len(self._channels) > MAX_KNOWN_LABELS:
            self._channels.clear()
        after = self._commit[0] if self._commit else newest - HOUR
        batches = {
            (str(query_id), batch_id): Batch(*facts)
            for query_id, batch_id, *facts in await _rows(connection, live_statements.BATCHES, after=after - OVERLAP)
        }
        latencies = await _read_latencies(connection, batches.values(), max(after, newest - CHART))
        window = Window({**self.window.batches, **batches}, self.window.latencies, self.window.sales)
        if newest_event := window.newest_event:
            first = first_step(newest_event) if is_full else step(newest_event) - RECENT_STEPS
            window.replace_sales(first, await self._read_sales(connection, first))
            self.ticker = await self._read_ticker(connection, first_step(newest_event))
        for committed_at, milliseconds, count in latencies:
            window.latencies[step(committed_at)][milliseconds] += count
        window.forget()
        self.window = window
        if is_full:
            self._full_due = time.monotonic() + FULL_SECONDS

    async def _read_sales(self, connection: Connection, first: int) -> list[tuple[int, str, int, Decimal | None, str]]:
        sales = await _rows(connection, live_statements.CHECKOUTS, first_slot=first)
        await self._learn_channels(connection, [Labels(*row[2:6]) for row in sales if row[1]])
        return [
            (slot, self._channels[Labels(*labels)] if credited else UNATTRIBUTED, count, amount, currency)
            for slot, credited, *labels, currency, count, amount in sales
        ]

    async def _read_ticker(self, connection: Connection, first: int) -> list[Credit]:
        rows = await _rows(connection, live_statements.TICKER, first_slot=first)
        await self._learn_channels(connection, [Labels(*row[3:7]) for row in rows])
        return [
            Credit(
                at=at,
                product=product and product[:TEXT_LENGTH],
                before_seconds=before,
                channel=self._channels[Labels(*labels)],
                amount=exact(amount),
                currency=currency,
            )
            for at, product, before, *labels, amount, currency in rows
        ]

    async def _read_definitions(self, connection: Connection) -> dict[str, str]:
        rows = await _rows(connection, live_statements.DEFINITIONS)
        self.currency = rows[0][2]
        return {name: text for name, text, _ in rows}

    async def _learn_channels(self, connection: Connection, labels: list[Labels]) -> None:
        unknown = list({label for label in labels if label not in self._channels})
        if unknown:
            sources, media, campaigns, referrers = map(list, zip(*unknown, strict=True))
            parameters = {"sources": sources, "media": media, "campaigns": campaigns, "referrers": referrers}
            for position, channel in await _rows(connection, live_statements.CHANNELS, **parameters):
                self._channels[unknown[position - 1]] = channel


async def _read_latencies(connection: Connection, batches: Iterable[Batch], after: datetime) -> list[Row]:
    """Returns commit, milliseconds and number of the checkouts of the batches after `after`."""
    watermarks = [batch.watermark or batch.began_at - HOUR for batch in batches if batch.began_at > after]
    if not watermarks:
        return []
    # The planner's statistics lag behind the newest rows, so it expects none, and would scan them once for each batch.
    await connection.execute("set local enable_nestloop = off")
    rows = await _rows(connection, live_statements.LATENCIES, after=after, watermark=min(watermarks))
    await connection.execute("set local enable_nestloop = on")
    return rows


def exact(amount: Decimal) -> str:
    """Returns an amount with at least two decimals, and with more if it has more."""
    return f"{amount:.2f}" if amount == round(amount, 2) else f"{amount.normalize():f}"


async def _rows(connection: Connection, query: LiteralString, **parameters: object) -> list[Row]:
    return await (await connection.execute(query, parameters or None)).fetchall()
