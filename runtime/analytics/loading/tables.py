"""Writes the rows of a file to their table in one transaction, and tells what changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import LiteralString

import psycopg
from psycopg import sql

from runtime.analytics.loading.experiments import experiment_problems
from runtime.analytics.loading.kinds import EXPERIMENTS, RATES, RULES, SPEND, Kind
from runtime.analytics.loading.reading import LoadError, Problem, Row, read, refuse

# Tables of spend that a file of the kind can leave without a rule.
UNRULED_IN = {SPEND.name: "loaded_rows", RULES.name: SPEND.table}
PATTERNS = ("source", "medium", "campaign", "referrer")
LOCK_TIMEOUT: LiteralString = "set local lock_timeout = '30s'"
# Matches nothing, but PostgreSQL compiles the pattern.
COMPILE: LiteralString = "select '' ~* %s::text"
CREATE: LiteralString = """
create temporary table loaded_rows on commit drop as select {columns} from {table} with no data
"""
# One statement: the trigger of channel_rules regroups the traffic once.
MERGE: LiteralString = """
with deleted as (
    delete from {table} t
     where ({deletes} or {is_of_file}) and not exists (select from loaded_rows n where {same_key})
    returning 1
),
updated as (
    update {table} t set {assignments} from loaded_rows n
     where {same_key} and ({old_values}) is distinct from ({new_values})
    returning 1
),
inserted as (
    insert into {table} ({columns})
    select {columns} from loaded_rows n where not exists (select from {table} t where {same_key})
    returning 1
)
select (select count(*) from inserted), (select count(*) from updated), (select count(*) from deleted)
"""
REMEMBER_CHANNELS: LiteralString = """
create temporary table channels_before on commit drop as
    select traffic_id, channel from traffic_channels where traffic_id <> 0
"""
MOVED_TRAFFIC: LiteralString = """
select b.channel, a.channel, count(*)
  from channels_before b
  join traffic_channels a using (traffic_id)
 where a.channel is distinct from b.channel
 group by 1, 2
 order by 3 desc, 1, 2
"""
CHANNELS_WITHOUT_RULE: LiteralString = """
select s.channel, count(*)
  from {spend} s
 where s.channel not in ('Direct', 'Unassigned')
   and not exists (select from channel_rules r where r.channel = s.channel)
 group by 1
 order by 2 desc, 1
"""


@dataclass(frozen=True, kw_only=True)
class Changes:
    """The changes that a file made, as numbers of rows.

    `traffic`, `moved_traffic`: for channel rules, the rows of `traffic`, and those with another channel than before, by
    both channels. `unruled_spend`: rows of spend by channel, for the channels that no rule gives.
    """

    inserted: int
    updated: int
    deleted: int
    unchanged: int
    traffic: int
    moved_traffic: Mapping[tuple[str, str], int]
    unruled_spend: Mapping[str, int]


def load(connection: psycopg.Connection, kind: Kind, content: bytes, *, replace: bool = False) -> Changes:
    """Loads a file: rows of the same key are replaced, and others stay unless `replace`, or a file holds all rows.

    The connection is in autocommit mode, and its role owns the table or may read and write it.

    Raises:
        LoadError: the file has a problem, or the database lacks the table; nothing was changed.
    """
    try:
        rows, problems = read(kind, content)
        refuse(problems + _further_problems(connection, kind, rows))
        with connection.transaction(), connection.cursor() as cursor:
            return _write(cursor, kind, rows, replace=replace or kind.replaces_all)
    except psycopg.errors.UndefinedTable as error:
        raise LoadError(
            f"the database has no table for {kind.name} ({error.diag.message_primary}); migrate it first: deploy this"
            " version, or run `make demo`"
        ) from error


def _further_problems(connection: psycopg.Connection, kind: Kind, rows: Sequence[Row]) -> list[Problem]:
    """Returns the problems that several rows, or only the database, can tell."""
    if kind is RULES:
        return _pattern_problems(connection, rows)
    if kind is EXPERIMENTS:
        return experiment_problems(rows)
    known = {code for (code,) in connection.execute("select currency from currency_units").fetchall()}
    problems = [
        Problem(row.line, f"currency: {code!r}: not in ISO 4217; write a code such as EUR")
        for row in rows
        if (code := row.values.get("currency")) and code not in known
    ]
    return problems + (_reporting_currency_problems(connection, rows) if kind is RATES else [])


def _reporting_currency_problems(connection: psycopg.Connection, rows: Sequence[Row]) -> list[Problem]:
    ((reporting_currency,),) = connection.execute("select reporting_currency from analytics_settings").fetchall()
    return [
        Problem(row.line, f"rate: '{rate}': {reporting_currency} is the reporting currency; its rate is 1")
        for row in rows
        if row.values.get("currency") == reporting_currency and (rate := row.values.get("rate", 1)) != 1
    ]


def _pattern_problems(connection: psycopg.Connection, rows: Sequence[Row]) -> list[Problem]:
    problems = []
    for row in rows:
        for name in PATTERNS:
            pattern = row.values.get(name)
            if pattern is None:
                continue
            try:
                connection.execute(COMPILE, [pattern])
            except psycopg.errors.InvalidRegularExpression as error:
                message = error.diag.message_primary
                problems.append(
                    Problem(
                        row.line, f"{name}: {pattern!r}: {message}; correct the pattern, which is a regular expression"
                    )
                )
    return problems


def _write(cursor: psycopg.Cursor, kind: Kind, rows: Sequence[Row], *, replace: bool) -> Changes:
    cursor.execute(LOCK_TIMEOUT)
    # One load at a time. Readers do not wait.
    cursor.execute(_statement("lock table {table} in share row exclusive mode", kind))
    if kind is RULES:
        cursor.execute(REMEMBER_CHANNELS)
    cursor.execute(_statement(CREATE, kind))
    with cursor.copy(_statement("copy loaded_rows ({columns}) from stdin", kind)) as copy:
        for row in rows:
            copy.write_row([row.values[name] for name in kind.names])
    cursor.execute("analyze loaded_rows")
    ((inserted, updated, deleted),) = cursor.execute(_statement(MERGE, kind, replace=replace)).fetchall()
    traffic, moved_traffic = _moved_traffic(cursor) if kind is RULES else (0, {})
    return Changes(
        inserted=inserted,
        updated=updated,
        deleted=deleted,
        unchanged=len(rows) - inserted - updated,
        traffic=traffic,
        moved_traffic=moved_traffic,
        unruled_spend=_unruled_spend(cursor, UNRULED_IN[kind.name]) if kind.name in UNRULED_IN else {},
    )


def _statement(text: LiteralString, kind: Kind, *, replace: bool = False) -> sql.Composed:
    values = [name for name in kind.names if name not in kind.key]
    return sql.SQL(text).format(
        table=sql.Identifier(kind.table),
        columns=sql.SQL(", ").join(map(sql.Identifier, kind.names)),
        deletes=sql.Literal(replace),
        is_of_file=_is_of_file(kind),
        same_key=sql.SQL(" and ").join(sql.SQL("t.{0} = n.{0}").format(sql.Identifier(name)) for name in kind.key),
        assignments=sql.SQL(", ").join(sql.SQL("{0} = n.{0}").format(sql.Identifier(name)) for name in values),
        old_values=sql.SQL(", ").join(sql.Identifier("t", name) for name in values),
        new_values=sql.SQL(", ").join(sql.Identifier("n", name) for name in values),
    )


def _is_of_file(kind: Kind) -> sql.Composable:
    """Returns the condition that the file has all rows with the values of `complete_by` of a stored row `t`."""
    if not kind.complete_by:
        return sql.SQL("false")
    columns = sql.SQL(", ").join(map(sql.Identifier, kind.complete_by))
    stored = sql.SQL(", ").join(sql.Identifier("t", name) for name in kind.complete_by)
    return sql.SQL("({}) in (select {} from loaded_rows)").format(stored, columns)


def _moved_traffic(cursor: psycopg.Cursor) -> tuple[int, dict[tuple[str, str], int]]:
    ((traffic,),) = cursor.execute("select count(*) from channels_before").fetchall()
    moved = cursor.execute(MOVED_TRAFFIC).fetchall()
    return traffic, {(before, after): count for before, after, count in moved}


def _unruled_spend(cursor: psycopg.Cursor, spend: str) -> dict[str, int]:
    return dict(cursor.execute(sql.SQL(CHANNELS_WITHOUT_RULE).format(spend=sql.Identifier(spend))).fetchall())
