"""Reads a panel: validates the filters, runs its query, and adds the definitions of its columns."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from runtime.dashboard.database import Connection, Database
from runtime.dashboard.live.snapshot import text_of
from runtime.dashboard.panels import channels, customers, experiments, health, journeys
from runtime.dashboard.panels.checkouts import models_known
from runtime.dashboard.panels.filters import LOOK_BACKS, Filters, parse
from runtime.dashboard.panels.parts import Column, Panel, Schema, Unit
from runtime.dashboard.panels.schema import State, read_choices, read_schema, read_state

PANELS: Mapping[str, Panel] = {
    **channels.PANELS,
    **journeys.PANELS,
    **customers.PANELS,
    **experiments.PANELS,
    **health.PANELS,
}
# Viewers who ask for the same within these seconds get one answer.
SHARED_SECONDS = 3
MAX_SHARED = 200
ANY_DAY = date(2000, 1, 1)


class UnknownPanelError(LookupError):
    """There is no panel of this name."""


class Panels:
    """Answers the requests for panels and filters. Equal requests at the same time share one query."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._shared: dict[object, tuple[float, asyncio.Task[dict[str, Any]]]] = {}

    async def panel(self, name: str, query: Sequence[tuple[str, str]]) -> dict[str, Any]:
        """Returns a panel as JSON values.

        Raises:
            FilterError: a filter is unknown or malformed.
            UnknownPanelError: there is no such panel.
        """
        if name not in PANELS:
            raise UnknownPanelError(f"{name}: unknown panel; the panels are {', '.join(PANELS)}")
        # Malformed filters are an error also while the database is away.
        parse(query, ANY_DAY)

        async def read(connection: Connection) -> dict[str, Any]:
            state, schema = await read_state(connection), await read_schema(connection)
            return await _panel(connection, name, parse(query, state.newest_day), state, schema)

        return await self._share((name, tuple(sorted(query))), read)

    async def filters(self) -> dict[str, Any]:
        """Returns the choices of the filters."""
        return await self._share("filters", read_choices)

    async def _share(self, key: object, read: Callable[[Connection], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
        now = time.monotonic()
        due, task = self._shared.get(key, (now, None))
        if task is None or (task.done() and (now >= due or task.cancelled() or task.exception())):
            if len(self._shared) >= MAX_SHARED:
                self._shared = {key: entry for key, entry in self._shared.items() if not entry[1].done()}
            task = asyncio.create_task(self._database.read(read))
            self._shared[key] = now + SHARED_SECONDS, task
        # A viewer who leaves does not end the query of the others.
        return await asyncio.shield(task)


async def _panel(connection: Connection, name: str, filters: Filters, state: State, schema: Schema) -> dict[str, Any]:
    panel = PANELS[name]
    filters, notes = _applied(panel, filters, state)
    columns = panel.columns(schema, filters) if callable(panel.columns) else panel.columns
    rows: list[list[Any]] = []
    previous: list[list[Any]] | None = None
    if all(view in schema.relations for view in panel.needs):
        rows = await _rows(connection, panel, filters, schema, columns)
        if panel.is_compared:
            previous = await _rows(connection, panel, _before(filters), schema, columns)
    as_of = state.refreshed_at if "channel" in panel.follows else state.committed_at
    return {
        "panel": name,
        "as_of": text_of(as_of) if as_of else None,
        "from": filters.first_day.isoformat(),
        "to": filters.last_day.isoformat(),
        "currency": filters.currency or state.currency,
        "columns": [
            {
                "name": column.name,
                "label": column.label,
                "unit": column.unit,
                "definition": schema.comments.get(column.source),
            }
            for column in columns
        ],
        "rows": rows,
        "previous": previous,
        "note": " ".join(notes) or None,
        "empty": None if rows else {"title": panel.empty.title, "how": panel.empty.how},
    }


def _applied(panel: Panel, filters: Filters, state: State) -> tuple[Filters, list[str]]:
    """Returns the filters that the panel follows, and notes about the others."""
    notes = []
    ignored = [
        name
        for name in ("channel", "device", "currency", "segment", "look_back")
        if getattr(filters, name) and name not in panel.follows
    ]
    if ignored:
        notes.append(f"Not filtered by {', '.join(ignored).replace('_', '-')}.")
        cleared: dict[str, Any] = dict.fromkeys(ignored)
        filters = replace(filters, **cleared)
    if filters.look_back and LOOK_BACKS[filters.look_back] >= state.look_back:
        if LOOK_BACKS[filters.look_back] > state.look_back:
            notes.append(f"Paths go back {state.look_back}, as set in analytics_settings.")
        filters = replace(filters, look_back=None)
    if filters.currency:
        notes.append(f"Amounts in {filters.currency}, not converted, of the checkouts in this currency.")
    if note := panel.note(filters):
        notes.append(note)
    return filters, notes


def _before(filters: Filters) -> Filters:
    """Returns the filters of the period before, of the same length."""
    days = timedelta(days=filters.days)
    return replace(filters, first_day=filters.first_day - days, last_day=filters.last_day - days)


async def _rows(
    connection: Connection, panel: Panel, filters: Filters, schema: Schema, columns: Sequence[Column]
) -> list[list[Any]]:
    known = list(models_known(filters))
    models = [filters.model] if "model" in panel.follows else known
    parameters = filters.parameters() | {"models": [model for model in models if model in known]}
    cursor = await connection.execute(panel.query(filters, schema).as_bytes(connection), parameters)
    return [
        [_value(value, column.unit) for value, column in zip(row, columns, strict=True)]
        for row in await cursor.fetchall()
    ]


def _value(value: Any, unit: Unit) -> Any:
    """Returns a JSON value. Money, shares and ratios stay exact as text; counts and durations become numbers."""
    match value:
        case datetime():
            result: Any = text_of(value)
        case date():
            result = value.isoformat()
        case timedelta():
            result = value.total_seconds()
        case Decimal() if unit in ("count", "seconds", "ms"):
            result = int(value) if value == int(value) else float(value)
        case Decimal() | float() if unit in ("money", "share", "ratio"):
            result = format(Decimal(repr(value)) if isinstance(value, float) else value, "f")
        case None | str():
            result = value
        case _:
            result = str(value) if unit == "text" else value
    return result
