"""Flink's join, with its raw rows and credits copied into the pipeline's schema while Flink runs."""

import os
import threading
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from benchmarks.machine import BENCHMARKS_PYTHON, measure

CHECKOUT_COLUMNS = ["checkout_id", "user_id", "session_id", "items", "total_amount", "currency", "payment_method",
                    "checkout_timestamp", "arrived_at", "late"]  # fmt: skip
CLICK_COLUMNS = ["click_id", "user_id", "session_id", "product_id", "page_url", "utm_source", "utm_medium",
                 "utm_campaign", "device_type", "click_timestamp", "arrived_at", "late"]  # fmt: skip
CREDIT_COLUMNS = ["checkout_id", "user_id", "checkout_timestamp", "total_amount", "currency", "click_id",
                  "click_timestamp", "utm_source", "utm_medium", "utm_campaign"]  # fmt: skip
COLUMNS = {"raw_clicks": CLICK_COLUMNS, "raw_checkouts": CHECKOUT_COLUMNS, "credits": CREDIT_COLUMNS}
CREATE_CREDITS = "create temporary table credits (like attributed_checkouts including defaults)"
# Flink emits a checkout again for each earlier click that it finds. The row with the earliest click is the final one.
MERGE_CREDITS = """
insert into attributed_checkouts
select distinct on (checkout_id) * from credits order by checkout_id, click_timestamp, click_id
"""


def run(folder: Path, state: str, url: str, scratch: Path) -> dict[str, Any]:
    """Returns `seconds` from the start of Flink's query to the last commit, and Flink's part as `flink_seconds`.

    The users table is not filled.

    Raises:
        BenchmarkError: Flink failed.
        psycopg.Error: a COPY failed.
    """
    output = scratch / "out"
    command: list[object] = [BENCHMARKS_PYTHON, "-m", "benchmarks.flink", folder / "shards", state, "--output", output]
    flink_ended = threading.Event()
    outcomes: list[float | Exception] = []
    loader = threading.Thread(target=lambda: outcomes.append(_load_or_error(url, output, flink_ended)))
    loader.start()
    try:
        result = measure([*command, "--checkpoints", scratch / "checkpoints"], scratch / "flink.log")
    finally:
        flink_ended.set()
        loader.join()
    [outcome] = outcomes
    if isinstance(outcome, Exception):
        raise outcome
    return {"flink_seconds": result["seconds"], "seconds": result["seconds"] + outcome}


def _load_or_error(url: str, output: Path, flink_ended: threading.Event) -> float | Exception:
    try:
        return _load(url, output, flink_ended)
    except psycopg.Error as error:
        return error


def _load(url: str, output: Path, flink_ended: threading.Event) -> float:
    """Copies each file that Flink has finished. Returns the seconds from Flink's end to the last commit."""
    loaded_files: set[Path] = set()
    ended_at = 0.0
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(CREATE_CREDITS)
        connection.execute("alter table credits alter updated_at set default now()")
        while True:
            last_round = flink_ended.is_set()
            ended_at = ended_at or (os.times().elapsed if last_round else 0.0)
            for table, columns in COLUMNS.items():
                for path in sorted((output / table).glob("part-*")):
                    if path not in loaded_files:
                        _copy(connection, table, columns, path)
                        loaded_files.add(path)
            if last_round:
                break
            flink_ended.wait(0.5)
        connection.execute(MERGE_CREDITS)
    return os.times().elapsed - ended_at


def _copy(connection: psycopg.Connection, table: str, columns: list[str], path: Path) -> None:
    statement = sql.SQL("copy {} ({}) from stdin (format csv)").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with connection.cursor().copy(statement) as copy, path.open("rb") as file:
        while data := file.read(1 << 20):
            copy.write(data)


def bare_copy(url: str, source: str) -> float:
    """Returns the seconds that only the COPY of the raw rows of `source` into empty, indexed tables takes."""
    seconds = 0.0
    for table, columns in (("raw_clicks", CLICK_COLUMNS), ("raw_checkouts", CHECKOUT_COLUMNS)):
        names = sql.SQL(", ").join(map(sql.Identifier, columns))
        with psycopg.connect(source) as reader, psycopg.connect(url) as writer:
            out = sql.SQL("copy (select {} from {}) to stdout").format(names, sql.Identifier(table))
            with reader.cursor().copy(out) as copy:
                rows = b"".join(copy)
            began = os.times().elapsed
            with writer.cursor().copy(sql.SQL("copy {} ({}) from stdin").format(sql.Identifier(table), names)) as copy:
                copy.write(rows)
            writer.commit()
            seconds += os.times().elapsed - began
    return seconds
