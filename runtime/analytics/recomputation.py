"""Recomputes the paths of changed checkouts and users, and the weights of the Markov chain, in parts."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, LiteralString

import psycopg

from runtime.analytics import path_statements, refresh_statements, unconverted_statements
from runtime.analytics.chain_weights import Step, Traffic, Weight, weights_of_steps


@dataclass
class Run:
    """The progress of a refresh. `facts`: parameters of the statements."""

    facts: dict[str, Any]
    run_id: int
    checkouts: int = 0
    users: int = 0
    days: set[date] = field(default_factory=set)
    message: str | None = None
    has_new_weights: bool = False


def work(cursor: psycopg.Cursor, run: Run, part_size: int) -> bool:
    """Recomputes a part of what has changed, and the weights of the chain at the end. Returns whether it is the end."""
    limit = {"limit": part_size}
    checkout_ids = [name for (name,) in cursor.execute(refresh_statements.TAKE_CHECKOUTS, limit)]
    user_ids = [name for (name,) in cursor.execute(refresh_statements.TAKE_USERS, limit)]
    if checkout_ids:
        run.checkouts += _recompute_paths(cursor, run, checkout_ids)
    if user_ids:
        run.users += _recompute_unconverted(cursor, run, user_ids)
    cursor.execute(path_statements.DELETE_EMPTY_STEPS)
    is_complete = len(checkout_ids) < part_size and len(user_ids) < part_size
    stored_weights = cursor.execute(refresh_statements.READ_WEIGHTS).fetchall()
    if is_complete or not stored_weights:
        _write_weights(cursor, run, stored_weights)
    if is_complete:
        _end(cursor, run)
    return is_complete


def _recompute_paths(cursor: psycopg.Cursor, run: Run, checkout_ids: list[str]) -> int:
    """Returns how many paths have changed."""
    cursor.execute("truncate staged_paths")
    parameters = run.facts | {"ids": checkout_ids}
    cursor.execute(path_statements.STAGE_PATHS, parameters)
    changed, days = fetch_row(cursor, path_statements.COMPARE_PATHS, parameters)
    parameters |= {"changed": changed, "days": [day for day in days if day]}
    if changed:
        cursor.execute(path_statements.COUNT_PATHS, parameters | {"sign": -1})
        cursor.execute(path_statements.DELETE_PATHS, parameters)
        cursor.execute(path_statements.INSERT_PATHS, parameters)
        cursor.execute(path_statements.COUNT_PATHS, parameters | {"sign": 1})
        cursor.execute(path_statements.DELETE_EMPTY_CREDITS, parameters)
        run.days.update(parameters["days"])
    cursor.execute(refresh_statements.FORGET_CHECKOUTS, parameters)
    return len(changed)


def _recompute_unconverted(cursor: psycopg.Cursor, run: Run, user_ids: list[str]) -> int:
    """Returns for how many users the unconverted paths have changed."""
    cursor.execute(unconverted_statements.TRUNCATE_STAGES)
    parameters = run.facts | {"ids": user_ids}
    cursor.execute(unconverted_statements.FIND_RESTARTS, parameters)
    cursor.execute(unconverted_statements.STAGE_UNCONVERTED, parameters)
    cursor.execute(unconverted_statements.COMPARE_UNCONVERTED)
    (changed,) = fetch_row(cursor, unconverted_statements.COUNT_CHANGED_USERS, {})
    if changed:
        cursor.execute(unconverted_statements.COUNT_UNCONVERTED)
        cursor.execute(unconverted_statements.DELETE_UNCONVERTED)
        cursor.execute(unconverted_statements.INSERT_UNCONVERTED)
    cursor.execute(refresh_statements.FORGET_USERS, parameters)
    return int(changed)


def _write_weights(cursor: psycopg.Cursor, run: Run, stored: Sequence[tuple[Any, ...]]) -> None:
    traffic = {
        number: Traffic(channel, campaign)
        for number, channel, campaign in cursor.execute(refresh_statements.READ_CHANNELS)
    }
    steps = [
        Step(tuple(origin), target, paths) for origin, target, paths in cursor.execute(refresh_statements.READ_STEPS)
    ]
    result = weights_of_steps(steps, traffic, run.facts["markov_order"])
    run.message = result.message
    if sorted(result.weights) != sorted(Weight(*row) for row in stored):
        cursor.execute(refresh_statements.DELETE_WEIGHTS)
        cursor.executemany(refresh_statements.INSERT_WEIGHT, [(*weight, run.run_id) for weight in result.weights])
        run.has_new_weights = True


def _end(cursor: psycopg.Cursor, run: Run) -> None:
    """Notes the run, if it has changed anything or reports something."""
    if not (run.checkouts or run.users or run.has_new_weights or run.message):
        cursor.execute(refresh_statements.DELETE_RUN, {"run_id": run.run_id})
        return
    days = {"first_day": min(run.days, default=None), "last_day": max(run.days, default=None)}
    counts = {"run_id": run.run_id, "checkouts": run.checkouts, "users": run.users, "message": run.message}
    cursor.execute(refresh_statements.END_RUN, counts | days)
    cursor.execute(refresh_statements.DELETE_OLD_RUNS)


def fetch_row(cursor: psycopg.Cursor, statement: LiteralString, parameters: dict[str, Any]) -> tuple[Any, ...]:
    row = cursor.execute(statement, parameters).fetchone()
    if row is None:
        raise RuntimeError(f"the statement returned no row: {statement}")
    return row
