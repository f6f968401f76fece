"""The panels of the page Health: quality rules, anomalies, refused and repaired events, batches and refreshes."""

from typing import LiteralString

from psycopg import sql

from runtime.dashboard.panels.filters import Filters
from runtime.dashboard.panels.parts import Column, Empty, Panel, Schema, Unit
from runtime.dashboard.panels.views import view_panel

Columns = tuple[tuple[str, Unit], ...]

ACCOUNTS: LiteralString = """
select hour, stream, reason, events
  from event_accounts
 where outcome = {outcome} and hour >= %(first_day)s::date and hour < %(last_day)s::date + 1
 order by hour desc, events desc, stream, reason
 limit 5000
"""
BATCHES: Columns = (
    ("committed_at", "timestamp"), ("batch_id", "count"), ("records", "count"), ("clicks", "count"),
    ("checkouts", "count"), ("refunds", "count"), ("credits", "count"), ("late", "count"), ("dead_letters", "count"),
    ("duplicates", "count"), ("conflicts", "count"), ("repaired", "count"), ("watermark", "timestamp"),
)  # fmt: skip
RUNS: Columns = (
    ("started_at", "timestamp"), ("finished_at", "timestamp"), ("kind", "text"), ("checkouts", "count"),
    ("users", "count"), ("first_day", "day"), ("last_day", "day"), ("message", "text"),
)  # fmt: skip
# Not of the days of the filter, which end with the newest credited checkout: an outage is later than that.
QUALITY: LiteralString = """
select rule, state, severity, bad_share, threshold, day_before, bad, total, hour, breached_since,
       case state when 'failed' then failure
                  when 'breached' then concat_ws(': ', detail, remedy)
       end as remedy
  from (select distinct on (rule) * from data_quality order by rule, hour desc) newest
 order by array_position(array['failed', 'breached', 'sound', 'too few'], state), severity, rule
"""
RULES: Columns = (
    ("rule", "text"), ("state", "text"), ("severity", "text"), ("bad_share", "share"), ("threshold", "share"),
    ("day_before", "share"), ("bad", "count"), ("total", "count"), ("hour", "timestamp"),
    ("breached_since", "timestamp"), ("remedy", "text"),
)  # fmt: skip
# Series with a finding come first. Not of the days of the filter, as above.
EXPECTED: LiteralString = """
select r.series, r.hour, r.observed, r.expected_low, r.expected_high,
       case when a.series is null then 'no' else 'yes' end as is_anomaly
  from (select *, max(hour) over () as newest from expected_ranges) r
  left join lateral (
       select series
         from anomalies
        where series = r.series and from_time < r.hour + interval '1 hour'
          and coalesce(to_time, 'infinity') > r.hour
        limit 1
       ) a on true
 where r.hour > r.newest - interval '3 days'
 order by count(a.series) over (partition by r.series) desc, position(',' in r.series), r.series, r.hour
"""
HOURS: Columns = (
    ("series", "text"), ("hour", "timestamp"), ("observed", "ratio"), ("expected_low", "ratio"),
    ("expected_high", "ratio"),
)  # fmt: skip
NOTHING_REFUSED = Empty("No refused event in these days", "Choose other days, or be glad.")
NOTHING_REPAIRED = Empty("No repaired event in these days", "Choose other days, or be glad.")


def _accounts(outcome: str, empty: Empty) -> Panel:
    def query(_: Filters, __: Schema) -> sql.Composable:
        return sql.SQL(ACCOUNTS).format(outcome=sql.Literal(outcome))

    return Panel(
        columns=(
            Column("hour", "timestamp", "event_accounts.hour"),
            Column("stream", "text", "event_accounts.stream"),
            Column("reason", "text", "event_accounts.reason"),
            Column("events", "count", "event_accounts.events"),
        ),
        query=query,
        follows={"days"},
        empty=empty,
    )


def _newest(table: str, columns: Columns, order: str, empty: Empty) -> Panel:
    """Returns the panel of the 50 newest rows of a table, whatever the days."""

    def query(_: Filters, __: Schema) -> sql.Composable:
        return sql.SQL("select {columns} from {table} order by {order} desc limit 50").format(
            columns=sql.SQL(",").join(sql.Identifier(name) for name, _ in columns),
            table=sql.Identifier(table),
            order=sql.Identifier(order),
        )

    return Panel(
        columns=tuple(Column(name, unit, f"{table}.{name}") for name, unit in columns),
        query=query,
        follows=(),
        empty=empty,
        note=lambda _: "The 50 newest, whatever the filters.",
    )


def _quality() -> Panel:
    return Panel(
        columns=tuple(Column(name, unit, f"data_quality.{name}") for name, unit in RULES),
        query=lambda *_: sql.SQL(QUALITY),
        follows=(),
        empty=Empty("No quality results yet", "The rules are evaluated at each refresh of analytics."),
        needs=("data_quality",),
        note=lambda _: "Each rule at its newest hour, whatever the filters.",
    )


def _expected() -> Panel:
    return Panel(
        columns=(
            *(Column(name, unit, f"expected_ranges.{name}") for name, unit in HOURS),
            Column("is_anomaly", "text", "anomalies.series"),
        ),
        query=lambda *_: sql.SQL(EXPECTED),
        follows=(),
        empty=Empty("No expected values yet", "They need three weeks of history. Refreshes of analytics compute them."),
        needs=("expected_ranges", "anomalies"),
        note=lambda _: "The last three days, whatever the filters.",
    )


PANELS = {
    "quality": _quality(),
    "expected": _expected(),
    "anomalies": view_panel(
        "anomalies",
        Empty(
            "No anomaly in these days", "Detection needs three weeks of history. It runs at the refresh of analytics."
        ),
    ),
    "refused": _accounts("refused", NOTHING_REFUSED),
    "repairs": _accounts("repaired", NOTHING_REPAIRED),
    "batches": _newest(
        "batches", BATCHES, "began_at", Empty("No batch yet", "The job commits its first batch when events arrive.")
    ),
    "refreshes": _newest(
        "model_runs",
        RUNS,
        "run_id",
        Empty(
            "The models have not run yet",
            "A refresh computes paths and credits: by its schedule, or now by `python -m local refresh`.",
        ),
    ),
}
