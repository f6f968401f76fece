"""The snapshot of the live page: figures, moving charts, channels and ticker, as JSON values."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from runtime.dashboard.live.reading import Reader
from runtime.dashboard.live.window import (
    CHART_STEPS,
    MINUTE_STEPS,
    RATE_SECONDS,
    STEP,
    UNATTRIBUTED,
    Sales,
    Window,
    percentile,
    step,
    time_of,
    total,
)

# Figure → unit and label, in the order of the page.
FIGURES = {
    "events": ("count", "Events"),
    "events_per_second": ("count", "Events per second"),
    "checkouts": ("count", "Checkouts"),
    "revenue": ("money", "Revenue"),
    "credited_share": ("share", "Credited share"),
    "p50_ms": ("ms", "Put to row, median"),
    "p99_ms": ("ms", "Put to row, 99 of 100"),
    "lag_seconds": ("seconds", "Consumer lag"),
    "watermark": ("timestamp", "Watermark"),
    "late": ("count", "Late"),
    "refused": ("count", "Refused"),
    "refunds": ("count", "Refunds"),
    "conflicts": ("count", "Conflicts"),
    "repaired": ("count", "Repaired"),
}

# Table of the live page → unit of each column.
TABLES: dict[str, dict[str, str]] = {
    "series": {
        "at": "timestamp",
        "events_per_second": "count",
        "checkouts_per_minute": "count",
        "revenue_per_minute": "money",
        "p50_ms": "ms",
        "p99_ms": "ms",
    },
    "channels": {"channel": "text", "checkouts": "count", "revenue": "money"},
    "credits": {
        "at": "timestamp",
        "product": "text",
        "before_seconds": "seconds",
        "channel": "text",
        "amount": "money",
        "currency": "text",
    },
}


def table(reader: Reader, name: str) -> tuple[list[dict[str, str]], list[list[Any]]]:
    """Returns columns and rows of a table of the live page, as the snapshot has them."""
    columns = [{"name": column, "unit": unit} for column, unit in TABLES[name].items()]
    window = reader.window
    if name == "series":
        return columns, [list(row) for row in zip(*_series(window).values(), strict=True)]
    records = _channels(window) if name == "channels" else _ticker(reader)
    return columns, [[record[column["name"]] for column in columns] for record in records]


def snapshot(reader: Reader) -> dict[str, Any]:
    """Returns the snapshot without its status. Every figure is null before the first commit."""
    window = reader.window
    values = _values(window, reader.now) if window.batches else dict.fromkeys(FIGURES)
    figures = {
        name: {"value": values[name], "unit": unit, "label": label, "definition": reader.definitions.get(name)}
        for name, (unit, label) in FIGURES.items()
    }
    lacking = total(window.channels().values()).lacking
    if lacking:
        figures["revenue"]["note"] = (
            f"no exchange rate to {reader.currency} for {', '.join(sorted(lacking))}:"
            " load them with `python -m local load rates FILE.csv`"
        )
    return {
        "as_of": text_of(window.as_of) if window.batches else None,
        "currency": reader.currency,
        "figures": figures,
        "series": _series(window),
        "channels": _channels(window),
        "ticker": _ticker(reader),
    }


def text_of(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _values(window: Window, now: datetime | None) -> dict[str, Any]:
    batches = window.batches.values()
    sales = window.channels()
    everything = total(sales.values())
    unattributed = sales.get(UNATTRIBUTED, Sales()).checkouts
    minute = step(window.as_of) - MINUTE_STEPS
    latencies: Counter[int] = sum((c for slot, c in window.latencies.items() if slot > minute), Counter())
    newest_event = window.newest_event
    recent = [batch for batch in batches if now and batch.committed_at > now - timedelta(seconds=RATE_SECONDS)]
    return {
        "events": sum(batch.events for batch in batches),
        "events_per_second": round(sum(batch.events for batch in recent) / RATE_SECONDS, 1),
        "checkouts": everything.checkouts,
        "revenue": money(everything.revenue),
        "credited_share": _share(everything.checkouts - unattributed, everything.checkouts),
        "p50_ms": percentile(latencies, 50),
        "p99_ms": percentile(latencies, 99),
        "lag_seconds": round(max(0.0, (now - newest_event).total_seconds()), 1) if now and newest_event else None,
        "watermark": text_of(window.newest.watermark) if window.newest.watermark else None,
        "late": sum(batch.late for batch in batches),
        "refused": sum(batch.refused for batch in batches),
        "refunds": sum(batch.refunds for batch in batches),
        "conflicts": sum(batch.conflicts for batch in batches),
        "repaired": sum(batch.repaired for batch in batches),
    }


def _series(window: Window) -> dict[str, list[Any]]:
    """Returns the charts of the last ten minutes. Their last step is the last complete one before the newest commit."""
    last = step(window.as_of) - 1 if window.batches else 0
    slots = range(last - CHART_STEPS + 1, last + 1) if window.batches else range(0)
    events: Counter[int] = Counter()
    for batch in window.batches.values():
        events[step(batch.committed_at)] += batch.events
    sales = {slot: total(channels.values()) for slot, channels in window.sales.items()}

    def of_the_last_minute(slot: int) -> Sales:
        return total(sales[s] for s in range(slot - MINUTE_STEPS + 1, slot + 1) if s in sales)

    minutes = [of_the_last_minute(slot) for slot in slots]

    def latencies(percent: int) -> list[int | None]:
        return [percentile(window.latencies[slot], percent) if slot in window.latencies else None for slot in slots]

    return {
        "at": [text_of(time_of(slot)) for slot in slots],
        "events": [events[slot] / STEP for slot in slots],
        "checkouts": [minute.checkouts for minute in minutes],
        "revenue": [money(minute.revenue) for minute in minutes],
        "p50_ms": latencies(50),
        "p99_ms": latencies(99),
    }


def _channels(window: Window) -> list[dict[str, Any]]:
    by_revenue: Callable[[tuple[str, Sales]], Any] = lambda item: (-(item[1].revenue or 0), -item[1].checkouts, item[0])  # noqa: E731
    return [
        {"channel": channel, "checkouts": sale.checkouts, "revenue": money(sale.revenue)}
        for channel, sale in sorted(window.channels().items(), key=by_revenue)
    ]


def _ticker(reader: Reader) -> list[dict[str, Any]]:
    return [
        {
            "at": text_of(credit.at),
            "product": credit.product,
            "before_seconds": credit.before_seconds,
            "channel": credit.channel,
            "amount": credit.amount,
            "currency": credit.currency,
        }
        for credit in reader.ticker
    ]


def money(amount: Decimal | None) -> str | None:
    """Returns an amount with two decimals."""
    return None if amount is None else f"{amount:.2f}"


def _share(part: int, whole: int) -> str | None:
    return f"{part / whole:.4f}" if whole else None
