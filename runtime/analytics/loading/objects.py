"""Loads an object of the inputs' bucket. The folder of the object tells the kind of the file."""

import logging
from typing import Any

import boto3
import psycopg

from runtime.analytics.loading import tables
from runtime.analytics.loading.kinds import INPUTS_FOLDER, KINDS, Kind
from runtime.analytics.loading.reading import MAX_BYTES, LoadError
from runtime.analytics.refresh import REFRESH_LOCK

log = logging.getLogger(__name__)


def load_object(login: str, bucket: str, key: str) -> dict[str, Any]:
    """Loads the newest version of an object, as `python -m local load` loads a file.

    A refused file is logged with its problems and changes nothing. It is not an error of the function: Lambda would
    retry it, and find the same problems.

    Returns:
        `file`, and the numbers of changed rows, or `problems` when the file was refused.

    Raises:
        botocore.exceptions.ClientError: S3 refused the object, for example because it was deleted meanwhile.
        psycopg.Error: the database refused the login or a statement; nothing was changed.
    """
    if key.endswith("/"):  # The S3 console creates a folder as an empty object.
        return {}
    try:
        kind = kind_of(key)
        changes = _load(login, kind, _read(bucket, key))
    except LoadError as error:
        # The alarm InputRefused counts this line.
        log.error("refused the file", extra={"file": key, "problems": str(error)})
        return {"file": key, "problems": str(error)}
    outcome = {
        "file": key,
        "inserted": changes.inserted,
        "updated": changes.updated,
        "deleted": changes.deleted,
        "unchanged": changes.unchanged,
        "moved_traffic": sum(changes.moved_traffic.values()),
        "unruled_spend": dict(changes.unruled_spend),
    }
    log.info("loaded the file", extra=outcome)
    return outcome


def kind_of(key: str) -> Kind:
    """Returns the kind of the file at `key`: `inputs/spend/2026-03.csv` → spend.

    Raises:
        LoadError: no kind has this folder; the message lists the folders.
    """
    folder, _, rest = key.partition("/")
    kind = KINDS.get(rest.partition("/")[0]) if folder == INPUTS_FOLDER and "/" in rest else None
    if kind is None:
        folders = ", ".join(f"{INPUTS_FOLDER}/{name}/" for name in KINDS)
        raise LoadError(f"the folder does not tell the kind of the file; upload it below one of {folders}")
    return kind


def _read(bucket: str, key: str) -> bytes:
    # Not the version of the event: two events of one key can come in the wrong order.
    response = boto3.client("s3").get_object(Bucket=bucket, Key=key)
    if response["ContentLength"] > MAX_BYTES:
        raise LoadError(f"more than {MAX_BYTES // 2**20} MiB; split it into files of a month each")
    return response["Body"].read()


def _load(login: str, kind: Kind, content: bytes) -> tables.Changes:
    with psycopg.connect(login, autocommit=True, application_name="analytics-load") as connection:
        # A refresh that runs while the channels change would fail. The lock ends with the connection.
        connection.execute("select pg_advisory_lock(%s)", [REFRESH_LOCK])
        return tables.load(connection, kind, content)
