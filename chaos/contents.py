"""What the reconciliation does not compare: every column of every row, and the users, computed anew from the streams.

The reconciliation counts rows that are missing or too many; here a row that is there must say what it should.
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
# The counts of the batches are of rows that were new: however often a batch was repeated, they add up.
BATCHES: LiteralString = """
select sum(clicks) as raw_clicks, sum(checkouts) as raw_checkouts, sum(dead_letters) as dead_letters from batches
"""


def read(connection: psycopg.Connection) -> dict[str, Table]:
    """Every table, its rows by their key."""
    tables: dict[str, Table] = {}
    with connection.cursor(row_factory=dict_row) as cursor:
        for name, query in QUERIES.items():
            tables[name] = {row.pop("key"): in_utc(row) for row in cursor.execute(query)}
        tables["batches"] = {"sums": cursor.execute(BATCHES).fetchone() or {}}
    return tables


def in_utc(row: Row) -> Row:
    return {name: value.astimezone(UTC) if isinstance(value, datetime) else value for name, value in row.items()}


def expected(records: Iterable[Record], names: Mapping[Stream, str]) -> dict[str, Table]:
    """What `read` must give, of all that the streams hold, in the order in which they hold it.

    Under one id the first event stands: both of a pair have one partition key, and so a shard, or its child.
    `names`: of the streams.
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
                tables[f"raw_{record.stream}"][event.id] = raw(record, event)
    clicks, checkouts = (list(one.values()) for one in (events["clicks"], events["checkouts"]))
    tables["attributed_checkouts"] = attributed(checkouts, clicks, tables["raw_clicks"])
    tables["users"] = users(checkouts, clicks, tables["raw_clicks"])
    counts = {name: len(tables[name]) for name in ("raw_clicks", "raw_checkouts", "dead_letters")}
    return tables | {"batches": {"sums": counts}}


def compare(wanted: Mapping[str, Table], found: Mapping[str, Table], result: Reconciliation) -> None:
    """Adds to `result` what differs and is not counted there yet: rows of users, and what rows say."""
    for key in wanted["users"].keys() - found["users"].keys():
        result.add_lost(1, f"row of users {key}")
    for key in found["users"].keys() - wanted["users"].keys():
        result.add_duplicated(1, f"row of users {key}, who did nothing")
    for name, rows in wanted.items():
        for key in sorted(rows.keys() & found[name].keys()):
            if rows[key] != found[name][key]:
                result.add_wrong(f"{name} {key}: {difference(rows[key], found[name][key])}")


def difference(wanted: Row, found: Row) -> str:
    return ", ".join(
        f"{name} is {found.get(name)!r} instead of {value!r}"
        for name, value in wanted.items()
        if found.get(name) != value
    )


def raw(record: Record, event: Event) -> Row:
    said = json.loads(record.data)
    labels = {label: said.get(label) for label in LABELS[record.stream]}
    row = {"user_id": event.user_id, **labels, "arrived_at": record.arrived_at}
    if record.stream == "clicks":
        return row | {"click_timestamp": event.at}
    sale = {"items": said.get("items"), "total_amount": event.amount, "currency": event.currency}
    return row | sale | {"checkout_timestamp": event.at}


def attributed(checkouts: Sequence[Event], clicks: Sequence[Event], raw_clicks: Table) -> Table:
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


def users(checkouts: Sequence[Event], clicks: Sequence[Event], raw_clicks: Table) -> Table:
    return {
        user_id: user(
            [one for one in checkouts if one.user_id == user_id],
            sorted((one.at, one.id) for one in clicks if one.user_id == user_id),
            raw_clicks,
        )
        for user_id in {one.user_id for one in (*checkouts, *clicks)}
    }


def user(checkouts: Sequence[Event], clicks: Sequence[tuple[datetime, str]], raw_clicks: Table) -> Row:
    """`clicks`: their times and ids, in order."""
    times = [one.at for one in checkouts] + [at for at, _ in clicks]
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
        "lifetime_value": sum((one.amount or Decimal(0) for one in checkouts), Decimal(0)),
    }
