"""Flink's join with its raw rows and credits loaded into our schema by COPY, while it runs."""

import os
import threading
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from benchmarks.machine import OTHER_PYTHON, measure

CHECKOUT_COLUMNS = ["checkout_id", "user_id", "session_id", "items", "total_amount", "currency", "payment_method",
                    "checkout_timestamp", "arrived_at", "late"]  # fmt: skip
CLICK_COLUMNS = ["click_id", "user_id", "session_id", "product_id", "page_url", "utm_source", "utm_medium",
                 "utm_campaign", "device_type", "click_timestamp", "arrived_at", "late"]  # fmt: skip
CREDIT_COLUMNS = ["checkout_id", "user_id", "checkout_timestamp", "total_amount", "currency", "click_id",
                  "click_timestamp", "utm_source", "utm_medium", "utm_campaign"]  # fmt: skip
COLUMNS = {"raw_clicks": CLICK_COLUMNS, "raw_checkouts": CHECKOUT_COLUMNS, "credits": CREDIT_COLUMNS}
CREDITS = "create temporary table credits (like attributed_checkouts)"
# Flink's ROW_NUMBER corrects itself: of a checkout's rows the earliest is the last that it gave.
FINISH = """
insert into attributed_checkouts
select distinct on (checkout_id) * from credits order by checkout_id, click_timestamp, click_id
"""


def run(folder: Path, state: str, url: str, scratch: Path) -> dict[str, Any]:
    """Seconds from the start of Flink's query to the last commit. The users' table is not made.

    Raises:
        CompetitorError: Flink failed.
    """
    output = scratch / "out"
    command: list[object] = [OTHER_PYTHON, "-m", "benchmarks.flink", folder / "shards", state, "--output", output]
    ended = threading.Event()
    loaded: list[Any] = []
    loader = threading.Thread(target=lambda: loaded.append(_attempt(url, output, ended)))
    loader.start()
    try:
        result = measure([*command, "--checkpoints", scratch / "checkpoints"], scratch / "flink.log")
    finally:
        ended.set()
        loader.join()
    if isinstance(loaded[0], Exception):
        raise loaded[0]
    return {"flink_seconds": result["seconds"], "seconds": result["seconds"] + loaded[0]}


def _attempt(url: str, output: Path, ended: threading.Event) -> float | Exception:
    try:
        return _load(url, output, ended)
    except psycopg.Error as error:
        return error


def _load(url: str, output: Path, ended: threading.Event) -> float:
    """COPYs what Flink has finished; gives the seconds that this took after Flink's end."""
    done: set[Path] = set()
    began = 0.0
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(CREDITS)
        connection.execute("alter table credits alter updated_at set default now()")
        while True:
            last_round = ended.is_set()
            began = began or (os.times().elapsed if last_round else 0.0)
            for table, columns in COLUMNS.items():
                for path in sorted((output / table).glob("part-*")):
                    if path not in done:
                        _copy(connection, table, columns, path)
                        done.add(path)
            if last_round:
                break
            ended.wait(0.5)
        connection.execute(FINISH)
    return os.times().elapsed - began


def _copy(connection: psycopg.Connection, table: str, columns: list[str], path: Path) -> None:
    statement = sql.SQL("copy {} ({}) from stdin (format csv)").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with connection.cursor().copy(statement) as copy, path.open("rb") as file:
        while data := file.read(1 << 20):
            copy.write(data)


def bare_copy(url: str, source: str) -> float:
    """Seconds to COPY the rows of database `source` into empty tables with their indexes, and nothing else."""
    seconds = 0.0
    for table, columns in (("raw_clicks", CLICK_COLUMNS), ("raw_checkouts", CHECKOUT_COLUMNS)):
        names = sql.SQL(", ").join(map(sql.Identifier, columns))
        with psycopg.connect(source) as reader, psycopg.connect(url) as writer:
            out = sql.SQL("copy {} ({}) to stdout").format(sql.Identifier(table), names)
            with reader.cursor().copy(out) as copy:
                rows = b"".join(copy)
            began = os.times().elapsed
            with writer.cursor().copy(sql.SQL("copy {} ({}) from stdin").format(sql.Identifier(table), names)) as copy:
                copy.write(rows)
            writer.commit()
            seconds += os.times().elapsed - began
    return seconds
