"""The panel of the page Experiments."""

from typing import LiteralString

from psycopg import sql

from runtime.dashboard.panels.filters import Filters
from runtime.dashboard.panels.parts import Column, Empty, Panel, Schema, Unit

VIEW = "experiment_results"
# Whether an experiment can be trusted stands before its figures.
RESULTS: LiteralString = """
select experiment_id, case when is_valid then 'valid' when not is_registered and started_at is null
                           then 'not registered' else 'invalid' end,
       variant, replace(metric, '_', ' '), users, conversion_rate, revenue_per_user, lift, verdict, guardrail,
       always_valid_low, always_valid_high, ci_low, ci_high, p_value_adjusted, minimum_detectable_lift, days_left,
       user_share, expected_share, srm_p_value, mixed_users, why_invalid, notes
  from experiment_results
 order by is_registered desc, started_at desc nulls last, experiment_id, is_control desc, variant, is_goal desc, metric
 limit 2000
"""
COLUMNS: tuple[tuple[str, Unit], ...] = (
    ("experiment_id", "text"),
    ("is_valid", "text"),
    ("variant", "text"),
    ("metric", "text"),
    ("users", "count"),
    ("conversion_rate", "share"),
    ("revenue_per_user", "money"),
    ("lift", "share"),
    ("verdict", "text"),
    ("guardrail", "text"),
    ("always_valid_low", "share"),
    ("always_valid_high", "share"),
    ("ci_low", "share"),
    ("ci_high", "share"),
    ("p_value_adjusted", "ratio"),
    ("minimum_detectable_lift", "share"),
    ("days_left", "count"),
    ("user_share", "share"),
    ("expected_share", "share"),
    ("srm_p_value", "ratio"),
    ("mixed_users", "count"),
    ("why_invalid", "text"),
    ("notes", "text"),
)


def _results(_: Filters, __: Schema) -> sql.Composable:
    return sql.SQL(RESULTS)


PANELS = {
    "experiments": Panel(
        columns=tuple(Column(name, unit, f"{VIEW}.{name}") for name, unit in COLUMNS),
        query=_results,
        follows=(),
        empty=Empty(
            "No experiment yet",
            "Register an experiment by `python -m local load experiments FILE.csv`, and send `experiment_id` and"
            " `variant` with the clicks of its visitors.",
        ),
        needs=(VIEW,),
    ),
}
