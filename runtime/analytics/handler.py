"""Lambda handler that keeps the tables of the attribution models up to date, and loads files of inputs."""

import logging
import os
from dataclasses import asdict
from typing import Any, Protocol

import psycopg

from runtime.analytics.loading.objects import load_object
from runtime.analytics.refresh import refresh
from runtime.database.connection import connection_string

log = logging.getLogger(__name__)

# A part of the work takes a few seconds, and Lambda ends the function at its time-out without a rollback by us.
SECONDS_LEFT_FOR_THE_LAST_PART = 120


class Context(Protocol):
    """The part of Lambda's context that the handler reads."""

    def get_remaining_time_in_millis(self) -> int: ...


def handler(event: dict[str, Any], context: Context | None = None) -> dict[str, Any]:
    """Refreshes the tables, or loads the object of an event of S3.

    `{}` is an incremental refresh; `{"full": true}` computes everything anew. The schedule's events are incremental
    too. DATABASE_SECRET in the environment names the login's secret; without it, DATABASE_URL is the database. With
    CLICK_RETENTION_DAYS, older days of raw clicks are dropped afterwards.

    Returns:
        The fields of `Outcome`. `is_busy`: another refresh was running, and this one did nothing. For an object, the
        result of `load_object`.

    Raises:
        ValueError: the payload has unknown fields.
        botocore.exceptions.ClientError: S3 refused the object.
        psycopg.Error: the database refused the login or a statement; the tables are as before.
        RuntimeError: parts of the refresh failed; the message names them, and all others are up to date.
    """
    if event.get("source") == "aws.s3":
        login = connection_string(os.environ.get("DATABASE_SECRET"))
        return load_object(login, event["detail"]["bucket"]["name"], event["detail"]["object"]["key"])
    is_scheduled = event.get("source") == "aws.events"
    if not is_scheduled and (event.keys() - {"full"} or not isinstance(event.get("full", False), bool)):
        raise ValueError(f'payload {", ".join(sorted(event))}: expected {{}} or {{"full": true}}')
    seconds = None
    if context is not None:
        seconds = max(0.0, context.get_remaining_time_in_millis() / 1000 - SECONDS_LEFT_FOR_THE_LAST_PART)
    login = connection_string(os.environ.get("DATABASE_SECRET"))
    with psycopg.connect(login, autocommit=True, application_name="analytics-refresh") as connection:
        outcome = refresh(
            connection,
            full=event.get("full", False),
            seconds=seconds,
            keep_click_days=int(os.environ["CLICK_RETENTION_DAYS"]) if "CLICK_RETENTION_DAYS" in os.environ else None,
        )
    if outcome.failed:
        raise RuntimeError(f"parts of the refresh failed: {', '.join(outcome.failed)}")
    return asdict(outcome)
