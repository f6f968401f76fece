"""A comparison of every column of every stored row with values that are recomputed from the streams.

It complements the reconciliation, which counts missing and surplus rows of the other tables, but does not compare
all columns and does not check `users`.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import LiteralString

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import set_json_loads

from chaos.rows import Row, Table, attributed_rows, net_rows, raw_row, user_rows
from local.reconciliation.comparison import KINDS, Reconciliation, Record, collect
from local.reconciliation.contract import Kind, read_record
from local.reconciliation.orders import possible_rows
from runtime.data_generator.events import Stream

QUERIES: dict[str, LiteralString] = {
    "raw_clicks": """
        select click_id as key, user_id, session_id, product_id, page_url, utm_source, utm_medium, utm_campaign,
               device_type, referrer, experiment_id, variant, is_bot, click_timestamp, stated_timestamp, repairs,
               arrived_at
          from raw_clicks
    """,
    "raw_checkouts": """
        select checkout_id as key, user_id, session_id, items, total_amount, currency::text, payment_method, revision,
               cancelled, test, checkout_timestamp, stated_timestamp, repairs, arrived_at
          from raw_checkouts
    """,
    "raw_refunds": """
        select refund_id as key, checkout_id, user_id, amount, currency::text, refund_timestamp, stated_timestamp,
               repairs, arrived_at
          from raw_refunds
    """,
    "attributed_checkouts": """
        select checkout_id as key, user_id, checkout_timestamp, total_amount, currency::text, test, click_id,
               click_timestamp, utm_source, utm_medium, utm_campaign
          from attributed_checkouts
    """,
    "net_checkouts": """
        select checkout_id as key, user_id, checkout_timestamp, currency::text, gross_amount, refunded_amount,
               excess_refund, net_amount, cancelled, click_id, utm_source, utm_medium, utm_campaign
          from net_checkouts
    """,
    "users": """
        select user_id as key, first_seen, last_seen, first_click_timestamp, first_click_id, first_utm_source,
               first_utm_medium, first_utm_campaign, last_click_timestamp, last_click_id, last_device, order_count,
               lifetime_value
          from users
    """,
    "dead_letters": """
        select stream_name || ' ' || sequence_number || ' ' || record_index as key, partition_key, data, arrived_at,
               reason <> '' as explained
          from dead_letters
    """,
    "conflicts": """
        select event_kind || ' ' || event_id || ' ' || sequence_number || ' ' || record_index as key, arrived_at,
               content ->> 'user_id' as user_id
          from conflicts
    """,
}
# `batches` counts new rows only, so its sums equal the tables' row counts even when batches were repeated. The job has
# finished its last batch, so batch_slices is empty.
BATCHES: LiteralString = """
select sum(clicks) as raw_clicks, sum(checkouts) as raw_checkouts, sum(refunds) as raw_refunds,
       sum(dead_letters) as dead_letters, sum(repaired) as repaired,
       sum(conflicts) = (select count(*) from conflicts) as counts_conflicts
  from batches
"""
# A user's tables agree at every commit: a row for each checkout, and the sums of all real orders.
DISAGREEING_USERS: LiteralString = """
select user_id, count(*), count(a.checkout_id), max(order_count)
  from raw_checkouts k left join attributed_checkouts a using (checkout_id, user_id) left join users u using (user_id)
 group by user_id
having count(*) <> count(a.checkout_id) or count(*) filter (where not k.test) is distinct from max(order_count)
"""


def read(connection: psycopg.Connection) -> dict[str, Table]:
    """Reads every table; returns each table's rows by their key."""
    tables: dict[str, Table] = {}
    with connection.cursor(row_factory=dict_row) as cursor:
        set_json_loads(partial(json.loads, parse_float=Decimal), cursor)
        for name, query in QUERIES.items():
            tables[name] = {row.pop("key"): in_utc(row) for row in cursor.execute(query)}
        tables["batches"] = {"sums": cursor.execute(BATCHES).fetchone() or {}}
    for row in tables["raw_checkouts"].values():
        row["items"] = None if row["items"] is None else [exact_item(item) for item in row["items"]]
    return tables


def in_utc(row: Row) -> Row:
    return {name: value.astimezone(UTC) if isinstance(value, datetime) else value for name, value in row.items()}


def exact_item(item: Row) -> Row:
    """Returns a stored item with its numbers, which may be stored as text, as Decimal."""
    numbers = {
        name: None if item.get(name) is None else Decimal(str(item[name])) for name in ("quantity", "unit_price")
    }
    return {"product_id": item.get("product_id"), **numbers}


def recompute(records: Iterable[Record], names: Mapping[Stream, str]) -> dict[str, Table]:
    """Returns the tables that `read` must return, computed from the records of both streams in stream order.

    Of several events with one id the first is stored. Their order is known, because events with one id have one
    partition key and therefore one shard, or a parent shard and its child. `names` holds the streams' names.

    `conflicts` has a row for each event that may be a conflict; the reconciliation counts the stored ones.
    """
    records = list(records)
    accepted = collect(records).accepted
    events = {kind: [possible_rows(by_shard)[0] for by_shard in accepted[kind].values()] for kind in KINDS}
    clicks, checkouts = events["click"], events["checkout"]
    tables = {f"raw_{kind}s": {event.id: raw_row(event) for event in events[kind]} for kind in KINDS}
    raw_clicks = tables["raw_clicks"]
    tables["attributed_checkouts"] = attributed_rows(checkouts, clicks, raw_clicks)
    tables["net_checkouts"] = net_rows(checkouts, events["refund"], tables["attributed_checkouts"])
    tables["users"] = user_rows(checkouts, clicks, raw_clicks)
    tables["dead_letters"], tables["conflicts"] = record_rows(records, names)
    counts = {name: len(tables[name]) for name in ("raw_clicks", "raw_checkouts", "raw_refunds", "dead_letters")}
    repaired = sum(row["repairs"] is not None for kind in KINDS for row in tables[f"raw_{kind}s"].values())
    return tables | {"batches": {"sums": counts | {"repaired": repaired, "counts_conflicts": True}}}


def compare(expected: Mapping[str, Table], stored: Mapping[str, Table], result: Reconciliation) -> None:
    """Adds the differences to `result` that the reconciliation does not count.

    These are rows of users, conflicts of other records, and values of columns.
    """
    for key in expected["users"].keys() - stored["users"].keys():
        result.add_lost(1, f"row of users {key}")
    for key in stored["users"].keys() - expected["users"].keys():
        result.add_duplicated(1, f"row of users {key}, who has no events")
    for key in stored["conflicts"].keys() - expected["conflicts"].keys():
        result.add_duplicated(1, f"conflict {key}, which was never published")
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


def record_rows(records: Iterable[Record], names: Mapping[Stream, str]) -> tuple[Table, Table]:
    """Returns the dead letters, and the events that may be conflicts."""
    dead_letters: Table = {}
    places: dict[tuple[Kind, str], Table] = {}
    contents: dict[tuple[Kind, str], set[object]] = {}
    for record in records:
        for index, outcome in enumerate(read_record(record.stream, record.data, record.arrived_at)):
            place = f"{record.sequence_number} {index}"
            if event := outcome.event:
                key = (event.kind, event.id)
                contents.setdefault(key, set()).add(event.content)
                row = {"arrived_at": record.arrived_at, "user_id": event.user_id}
                places.setdefault(key, {})[f"{event.kind} {event.id} {place}"] = row
            elif outcome.reason:
                dead_letters[f"{names[record.stream]} {place}"] = {
                    "partition_key": record.partition_key,
                    "data": outcome.data,
                    "arrived_at": record.arrived_at,
                    "explained": True,
                }
    conflicts = {place: row for key, rows in places.items() if len(contents[key]) > 1 for place, row in rows.items()}
    return dead_letters, conflicts
