"""A comparison of every column of every stored row with values that are recomputed from the streams.

It complements the reconciliation, which counts missing and surplus rows of the other tables, but does not compare
all columns and does not check `users`.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, LiteralString, TypeAlias

import psycopg
from psycopg.rows import dict_row

from local.reconciliation.comparison import Reconciliation, Record, credit
from local.reconciliation.contract import LABELS, Event, RefusedError, parse
from runtime.data_generator.events import Stream

Row: TypeAlias = dict[str, Any]
Table: TypeAlias = dict[Any, Row]

UTM = ("utm_source", "utm_medium", "utm_campaign")
QUERIES: dict[str, LiteralString] = {
    "raw_clicks": """
        select click_id as key, user_id, session_id, product_id, page_url, utm_source, utm_medium, utm_campaign,
               device_type, click_timestamp, arrived_at
          from raw_clicks
    """,
    "raw_checkouts": """
        select checkout_id as key, user_id, session_id, items, total_amount, currency::text, payment_method,
               checkout_timestamp, arrived_at
          from raw_checkouts
    """,
    "attributed_checkouts": """
        select checkout_id as key, user_id, checkout_timestamp, total_amount, currency::text, click_id,
               click_timestamp, utm_source, utm_medium, utm_campaign
          from attributed_checkouts
    """,
    "users": """
        select user_id as key, first_seen, last_seen, first_click_timestamp, first_click_id, first_utm_source,
               first_utm_medium, first_utm_campaign, last_click_timestamp, last_click_id, last_device, order_count,
               lifetime_value
          from users
    """,
    "dead_letters": """
        select stream_name || ' ' || sequence_number as key, partition_key, data, arrived_at, reason <> '' as explained
          from dead_letters
    """,
}
# `batches` counts new rows only, so its sums equal the tables' row counts even when batches were repeated.
BATCHES: LiteralString = """
select sum(clicks) as raw_clicks, sum(checkouts) as raw_checkouts, sum(dead_letters) as dead_letters from batches
"""


def read(connection: psycopg.Connection) -> dict[str, Table]:
    """Reads every table; returns each table's rows by their key."""
    tables: dict[str, Table] = {}
    with connection.cursor(row_factory=dict_row) as cursor:
        for name, query in QUERIES.items():
            tables[name] = {row.pop("key"): in_utc(row) for row in cursor.execute(query)}
        tables["batches"] = {"sums": cursor.execute(BATCHES).fetchone() or {}}
    return tables


def in_utc(row: Row) -> Row:
    return {name: value.astimezone(UTC) if isinstance(value, datetime) else value for name, value in row.items()}


def recompute(records: Iterable[Record], names: Mapping[Stream, str]) -> dict[str, Table]:
    """Returns the tables that `read` must return, computed from the records of both streams in stream order.

    Of several events with one id the first is stored. Their order is known, because events with one id have one
    partition key and therefore one shard, or a parent shard and its child. `names` holds the streams' names.
    """
    events: dict[Stream, dict[str, Event]] = {"clicks": {}, "checkouts": {}}
    tables: dict[str, Table] = {name: {} for name in QUERIES}
    for record in records:
        try:
            event = parse(record.stream, record.data, record.arrived_at)
        except RefusedError:
            tables["dead_letters"][f"{names[record.stream]} {record.sequence_number}"] = {
                "partition_key": record.partition_key,
                "data": record.data,
                "arrived_at": record.arrived_at,
                "explained": True,
            }
        else:
            if event.id not in events[record.stream]:
                events[record.stream][event.id] = event
                tables[f"raw_{record.stream}"][event.id] = raw_row(record, event)
    clicks, checkouts = list(events["clicks"].values()), list(events["checkouts"].values())
    tables["attributed_checkouts"] = attributed_rows(checkouts, clicks, tables["raw_clicks"])
    tables["users"] = user_rows(checkouts, clicks, tables["raw_clicks"])
    counts = {name: len(tables[name]) for name in ("raw_clicks", "raw_checkouts", "dead_letters")}
    return tables | {"batches": {"sums": counts}}


def compare(expected: Mapping[str, Table], stored: Mapping[str, Table], result: Reconciliation) -> None:
    """Adds the differences to `result` that the reconciliation does not count: rows of users, and values of columns."""
    for key in expected["users"].keys() - stored["users"].keys():
        result.add_lost(1, f"row of users {key}")
    for key in stored["users"].keys() - expected["users"].keys():
        result.add_duplicated(1, f"row of users {key}, who has no events")
    for name, rows in expected.items():
        for key in sorted(rows.keys() & stored[name].keys()):
            if rows[key] != stored[name][key]:
                result.add_wrong(f"{name} {key}: {difference(rows[key], stored[name][key])}")


def difference(expected: Row, stored: Row) -> str:
    return ", ".join(
        f"{name} is {stored.get(name)!r} instead of {value!r}"
        for name, value in expected.items()
        if stored.get(name) != value
    )


def raw_row(record: Record, event: Event) -> Row:
    fields = json.loads(record.data)
    labels = {label: fields.get(label) for label in LABELS[record.stream]}
    row = {"user_id": event.user_id, **labels, "arrived_at": record.arrived_at}
    if record.stream == "clicks":
        return row | {"click_timestamp": event.at}
    sale = {"items": fields.get("items"), "total_amount": event.amount, "currency": event.currency}
    return row | sale | {"checkout_timestamp": event.at}


def attributed_rows(checkouts: Sequence[Event], clicks: Sequence[Event], raw_clicks: Table) -> Table:
    credited = credit(checkouts, clicks)
    rows: Table = {}
    for checkout in checkouts:
        at, click_id = credited[checkout.id] or (None, None)
        rows[checkout.id] = {
            "user_id": checkout.user_id,
            "checkout_timestamp": checkout.at,
            "total_amount": checkout.amount,
            "currency": checkout.currency,
            "click_id": click_id,
            "click_timestamp": at,
            **{name: raw_clicks[click_id][name] if click_id else None for name in UTM},
        }
    return rows


def user_rows(checkouts: Sequence[Event], clicks: Sequence[Event], raw_clicks: Table) -> Table:
    return {
        user_id: user_row(
            [checkout for checkout in checkouts if checkout.user_id == user_id],
            sorted((click.at, click.id) for click in clicks if click.user_id == user_id),
            raw_clicks,
        )
        for user_id in {event.user_id for event in (*checkouts, *clicks)}
    }


def user_row(checkouts: Sequence[Event], clicks: Sequence[tuple[datetime, str]], raw_clicks: Table) -> Row:
    """Returns one user's row. `clicks` holds the times and ids of the user's clicks, in ascending order."""
    times = [checkout.at for checkout in checkouts] + [at for at, _ in clicks]
    (first_at, first_id), (last_at, last_id) = (clicks[0], clicks[-1]) if clicks else ((None, None), (None, None))
    first = raw_clicks[first_id] if first_id else {}
    return {
        "first_seen": min(times),
        "last_seen": max(times),
        "first_click_timestamp": first_at,
        "first_click_id": first_id,
        **{f"first_{name}": first.get(name) for name in UTM},
        "last_click_timestamp": last_at,
        "last_click_id": last_id,
        "last_device": raw_clicks[last_id]["device_type"] if last_id else None,
        "order_count": len(checkouts),
        "lifetime_value": sum((checkout.amount or Decimal(0) for checkout in checkouts), Decimal(0)),
    }
