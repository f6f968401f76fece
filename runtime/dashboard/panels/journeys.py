"""The panels of the page Journeys: the touches before a checkout."""

from collections.abc import Callable
from typing import LiteralString

from psycopg import sql

from runtime.dashboard.panels import journey_statements
from runtime.dashboard.panels.checkouts import paths, rates, with_channel
from runtime.dashboard.panels.filters import Filters
from runtime.dashboard.panels.parts import CREDITS, Column, Empty, Panel, Schema

NO_PATHS = Empty(
    "No checkouts in these days",
    "Choose other days or fewer filters. New checkouts get their path by the next refresh: by its schedule, or now by"
    " `python -m local refresh`.",
)


def _query(text: LiteralString) -> Callable[[Filters, Schema], sql.Composable]:
    """Returns the query of the checkouts with a touch by the chosen channel."""

    def query(filters: Filters, _: Schema) -> sql.Composable:
        chosen = sql.SQL(",").join([paths(filters, with_channel(filters)), rates(filters)])
        return sql.SQL(text).format(paths=chosen, coded=sql.SQL(journey_statements.CODED))

    return query


def _revenue(view: str) -> tuple[Column, Column, Column]:
    return (
        Column("conversions", "count", f"{view}.conversions"),
        Column("gross_revenue", "money", f"{view}.gross_revenue"),
        Column("net_revenue", "money", f"{view}.net_revenue"),
    )


PANELS = {
    "paths": Panel(
        columns=(
            Column("path", "text", "path_summary.path"),
            Column("touches", "count", "path_summary.touches"),
            *_revenue("path_summary"),
        ),
        query=_query(journey_statements.TOP_PATHS),
        follows=CREDITS,
        empty=NO_PATHS,
    ),
    "path_lengths": Panel(
        columns=(Column("touches", "count", "path_summary.touches"), *_revenue("path_summary")),
        query=_query(journey_statements.LENGTHS),
        follows=CREDITS,
        empty=NO_PATHS,
        is_compared=True,
    ),
    "time_to_convert": Panel(
        columns=(
            Column("time_from", "seconds", "time_to_convert.time_from"),
            Column("time_to", "seconds", "time_to_convert.time_to"),
            *_revenue("time_to_convert"),
        ),
        query=_query(journey_statements.TIMES),
        follows=CREDITS,
        empty=NO_PATHS,
        is_compared=True,
    ),
    "touch_flow": Panel(
        columns=(
            Column("from_step", "count", "credit_paths.traffic_ids"),
            Column("from_channel", "text", "traffic_channels.channel"),
            Column("to_step", "count", "credit_paths.traffic_ids"),
            Column("to_channel", "text", "traffic_channels.channel"),
            Column("checkouts", "count", "path_summary.conversions"),
        ),
        query=_query(journey_statements.FLOW),
        follows=CREDITS,
        empty=NO_PATHS,
        note=lambda _: "The first four touches of each path; later ones are left out.",
    ),
    "assists": Panel(
        columns=(
            Column("channel", "text", "assisted_conversions.channel"),
            Column("first_touch_conversions", "count", "assisted_conversions.first_touch_conversions"),
            Column("last_touch_conversions", "count", "assisted_conversions.last_touch_conversions"),
            Column("assisted_conversions", "count", "assisted_conversions.assisted_conversions"),
            Column("assisted_net_revenue", "money", "assisted_conversions.assisted_net_revenue"),
        ),
        query=_query(journey_statements.ASSISTS),
        follows=CREDITS,
        empty=NO_PATHS,
        is_compared=True,
    ),
}
