"""Lambda handler that keeps the tables of the attribution models up to date."""

import logging
import os
from dataclasses import asdict
from typing import Any, Protocol

import psycopg

from runtime.analytics.refresh import refresh
from runtime.database.connection import connection_string

log = logging.getLogger(__name__)

# A part of the work takes a few seconds, and Lambda ends the function at its time-out without a rollback by us.
SECONDS_LEFT_FOR_THE_LAST_PART = 120


class Context(Protocol):
    """The part of Lambda's context that the handler reads."""

    def get_remaining_time_in_millis(self) -> int: ...


def handler(event: dict[str, Any], context: Context | None = None) -> dict[str, Any]:
    """Refreshes the tables. `{}` is an incremental refresh; `{"full": true}` computes everything anew.

    EventBridge's own events are incremental too. DATABASE_SECRET in the environment names the login's secret; without
    it, DATABASE_URL is the database.

    Returns:
        The fields of `Outcome`. `is_busy`: another refresh was running, and this one did nothing.

    Raises:
        ValueError: the payload has unknown fields.
        psycopg.Error: the database refused the login or a statement; the tables are as before.
    """
    is_scheduled = event.get("source") == "aws.events"
    if not is_scheduled and (event.keys() - {"full"} or not isinstance(event.get("full", False), bool)):
        raise ValueError(f'payload {", ".join(sorted(event))}: expected {{}} or {{"full": true}}')
    seconds = None
    if context is not None:
        seconds = max(0.0, context.get_remaining_time_in_millis() / 1000 - SECONDS_LEFT_FOR_THE_LAST_PART)
    login = connection_string(os.environ.get("DATABASE_SECRET"))
    with psycopg.connect(login, autocommit=True, application_name="analytics-refresh") as connection:
        outcome = refresh(connection, full=event.get("full", False), seconds=seconds)
    return asdict(outcome)
