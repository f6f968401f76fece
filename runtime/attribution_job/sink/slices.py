"""Cuts a micro-batch into slices by user, so that no two slices write the same row.

A row belongs to one user, and a user to one slice. Of the events under one id (clicks: on one day) only the first is
stored, so all of them go to the slice of its user. A checkout can be stored already, under another user than the
received event names: then it goes to the slice of that user, whose credits and sums it can change.
"""

from collections.abc import Mapping
from zlib import crc32

import pyarrow as pa
import pyarrow.compute as pc

from runtime.attribution_job.sink.clicks import RECEIVED_ORDER

IDS = {"click": "click_id", "checkout": "checkout_id", "refund": "refund_id"}


class Cut:
    """A micro-batch that is cut into `count` slices.

    `stored_users` holds the user of each stored checkout that the batch names, by checkout id (`checkout_ids`).
    """

    def __init__(self, rows: Mapping[str, pa.Table], count: int, stored_users: dict[str, str]) -> None:
        self._rows = rows
        self._stored_users = stored_users
        self._count = count
        self._numbers = _numbers(rows, count, stored_users) if count > 1 else {}

    def rows(self, number: int) -> Mapping[str, pa.Table]:
        """Returns the rows of one slice, by kind."""
        if self._count == 1:
            return self._rows
        return {kind: rows.filter(pc.equal(self._numbers[kind], number)) for kind, rows in self._rows.items()}

    def stored_users(self, number: int) -> dict[str, str]:
        """Returns the part of `stored_users` on which the rows of one slice depend."""
        return {
            checkout_id: user_id
            for checkout_id, user_id in self._stored_users.items()
            if slice_number(user_id.encode(), self._count) == number
        }


def slice_number(key: bytes, count: int) -> int:
    """Returns the slice of a user id or of a sequence number. CRC-32 is the same in all versions of Python."""
    return crc32(key) % count


def checkout_ids(rows: Mapping[str, pa.Table]) -> list[str]:
    """Returns the ids of all checkouts that the batch names: received ones, and those of Spark's candidates."""
    named = [rows[kind]["checkout_id"] for kind in ("checkout", "candidate") if kind in rows]
    return list({checkout_id: None for ids in named for checkout_id in ids.to_pylist()})


def _numbers(rows: Mapping[str, pa.Table], count: int, stored_users: dict[str, str]) -> dict[str, pa.Array]:
    """Returns the slice number of each row, by kind."""
    users = {}
    for kind, name in IDS.items():
        ids = _ids_of_days(rows[kind]) if kind == "click" else rows[kind][name]
        owners = _first_users(rows[kind], ids) | (stored_users if kind == "checkout" else {})
        users[kind] = _replaced(rows[kind]["user_id"], ids, owners)
    keys = users | {"dead_letter": rows["dead_letter"]["sequence_number"]}
    if "candidate" in rows:
        # A candidate belongs to its checkout's user. A checkout that is stored nowhere gets no credit from any slice.
        received = dict(zip(rows["checkout"]["checkout_id"].to_pylist(), users["checkout"].to_pylist(), strict=True))
        ids = rows["candidate"]["checkout_id"]
        keys["candidate"] = _replaced(ids, ids, received | stored_users)
    return {kind: _slice_numbers(column, count) for kind, column in keys.items()}


def _ids_of_days(clicks: pa.Table) -> pa.ChunkedArray:
    """Returns the ids of clicks with their days: on another day it is another click."""
    return pc.binary_join_element_wise(clicks["click_id"], clicks["day"].cast(pa.string()), " ")


def _first_users(events: pa.Table, ids: pa.ChunkedArray) -> dict[str, str]:
    """Returns the user of the first event of each id that occurs more than once."""
    counts = ids.value_counts()
    repeated = counts.field("values").filter(pc.greater(counts.field("counts"), 1))
    if not len(repeated):
        return {}
    again = events.append_column("id", ids).filter(pc.is_in(ids, repeated))
    ordered = again.sort_by([(name, "ascending") for name in RECEIVED_ORDER])
    # A dictionary keeps the last value of a key.
    return dict(zip(reversed(ordered["id"].to_pylist()), reversed(ordered["user_id"].to_pylist()), strict=True))


def _replaced(users: pa.ChunkedArray, ids: pa.ChunkedArray, users_by_id: Mapping[str, str]) -> pa.ChunkedArray:
    """Returns `users` with the user of `users_by_id` for each of its ids."""
    if not users_by_id:
        return users
    places = pc.index_in(ids, pa.array(users_by_id.keys(), ids.type))
    return pc.coalesce(pa.array(users_by_id.values(), users.type).take(places.combine_chunks()), users)


def _slice_numbers(keys: pa.ChunkedArray, count: int) -> pa.Array:
    """Returns the slice number of each key. Hashes each distinct key once."""
    encoded = keys.combine_chunks().dictionary_encode()
    distinct = encoded.dictionary.cast(pa.binary()).to_pylist()
    return pa.array([slice_number(key, count) for key in distinct], pa.int32()).take(encoded.indices)
