"""The part `experiments` of a refresh: keeps exposures, sums and results up to date."""

import json
from collections import defaultdict
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import class_row, dict_row

from runtime.analytics.experiments import result_statements, statements
from runtime.analytics.experiments.registered import Registered, Sums
from runtime.analytics.experiments.statistics import statistics_of
from runtime.analytics.recomputation import fetch_row


def refresh_experiments(cursor: psycopg.Cursor, now: datetime) -> None:
    """Brings the tables of the experiments up to date, as of the given time."""
    with cursor.connection.cursor(row_factory=dict_row) as by_name:
        facts = by_name.execute(statements.READ_STATE).fetchone()
    if facts is None:
        raise RuntimeError("analytics_settings or experiment_state has no row; insert one with default values")
    if facts["concerns_all"]:
        _expose_all(cursor, facts)
    else:
        _expose_changed(cursor, facts)
    _write_statistics(cursor, now)


def _expose_all(cursor: psycopg.Cursor, facts: dict[str, Any]) -> None:
    for statement in (*statements.DELETE_EVERYTHING, *statements.WRITE_STATE, statements.STAGE_ALL):
        cursor.execute(statement, facts)
    cursor.execute(statements.COUNT_EVERYTHING)


def _expose_changed(cursor: psycopg.Cursor, facts: dict[str, Any]) -> None:
    for statement in (*statements.ADD_CHANGED_USERS, *statements.WRITE_STATE):
        cursor.execute(statement, facts)
    cursor.execute(statements.CREATE_STAGED)
    cursor.execute(statements.STAGE_CHANGED, facts)
    (changed,) = fetch_row(cursor, statements.COMPARE, facts)
    if changed:
        cursor.execute(statements.COUNT, {"changed": changed, "sign": -1})
        cursor.execute(statements.DELETE, facts | {"changed": changed})
        cursor.execute(statements.INSERT, {"changed": changed})
        cursor.execute(statements.COUNT, {"changed": changed, "sign": 1})
        cursor.execute(statements.DELETE_EMPTY_SUMS)
    cursor.execute(statements.FORGET_USERS)


def _write_statistics(cursor: psycopg.Cursor, now: datetime) -> None:
    registered: dict[str, list[Registered]] = defaultdict(list)
    sums: dict[str, list[Sums]] = defaultdict(list)
    with cursor.connection.cursor(row_factory=class_row(Registered)) as experiments:
        for variant in experiments.execute(result_statements.READ_EXPERIMENTS):
            registered[variant.experiment_id].append(variant)
    with cursor.connection.cursor(row_factory=class_row(Sums)) as sums_by_variant:
        for row in sums_by_variant.execute(result_statements.READ_SUMS, {"limit": result_statements.MAX_UNREGISTERED}):
            sums[row.experiment_id].append(row)
    rows = [
        row
        for experiment_id in sorted(registered.keys() | sums.keys())
        for row in statistics_of(registered[experiment_id], sums[experiment_id], now)
    ]
    parameters = {"rows": json.dumps(rows, default=str, allow_nan=False)}
    cursor.execute(result_statements.DELETE_OTHER_STATISTICS, parameters)
    cursor.execute(result_statements.INSERT_STATISTICS, parameters)
