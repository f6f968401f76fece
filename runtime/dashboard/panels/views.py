"""Panels of a whole view, whose columns are those that the database has."""

from collections.abc import Sequence

from psycopg import sql

from runtime.dashboard.panels.filters import Filters
from runtime.dashboard.panels.parts import Column, Empty, Panel, Schema, Unit

MAX_ROWS = 2000
# Columns by which the days of the filter choose rows, the first one that a view has.
DAY_COLUMNS = ("day", "hour", "started_at", "from_time", "starts_at", "week")
# Nothing on the page names a user.
HIDDEN = frozenset({"user_id"})
NUMERIC = ("numeric", "double precision", "real")
UNITS: dict[str, Unit] = {"date": "day", "smallint": "count", "integer": "count", "bigint": "count"}
MONEY = ("revenue", "amount", "spend", "value", "cost", "ltv", "aov", "cpa", "cac", "monetary")


def view_panel(view: str, empty: Empty) -> Panel:
    """Returns the panel of a view."""

    def columns(schema: Schema, _: Filters) -> Sequence[Column]:
        return tuple(
            Column(name, unit_of(name, type_name), f"{view}.{name}")
            for name, type_name in schema.relations.get(view, {}).items()
            if name not in HIDDEN
        )

    def query(_: Filters, schema: Schema) -> sql.Composable:
        types = schema.relations.get(view, {})
        table = sql.Identifier(view)
        names = [sql.Identifier(name) for name in types if name not in HIDDEN]
        day = next((name for name in DAY_COLUMNS if name in types), None)
        condition: sql.Composable = sql.SQL("true")
        order: sql.Composable = sql.SQL("1")
        if day:
            order = sql.SQL("{} desc").format(sql.Identifier(day))
            condition = sql.SQL("{0} >= %(first_day)s::date and {0} < %(last_day)s::date + 1").format(
                sql.Identifier(day)
            )
        return sql.SQL("select {} from {} where {} order by {} limit {}").format(
            sql.SQL(",").join(names), table, condition, order, sql.Literal(MAX_ROWS)
        )

    return Panel(columns=columns, query=query, follows={"days"}, empty=empty, needs=(view,))


def unit_of(name: str, type_name: str) -> Unit:
    """Returns the unit of a column by its type and name."""
    if type_name == "interval" or name.endswith("_seconds"):
        return "seconds"
    if type_name.startswith("timestamp"):
        return "timestamp"
    if not type_name.startswith(NUMERIC):
        return UNITS.get(type_name, "text")
    if any(part in MONEY for part in name.split("_")):
        return "money"
    return "share" if name.endswith(("share", "rate")) else "ratio"
