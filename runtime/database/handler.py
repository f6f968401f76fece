"""Lambda: brings the database up to date, as a custom resource of CloudFormation or called by hand; erases a person."""

import json
import logging
import os
import time
import urllib.request
from typing import Any

import boto3
import psycopg

from runtime.database.connection import verified_connection_string
from runtime.database.migrate import migrate, set_password

log = logging.getLogger(__name__)

# CloudFormation takes no longer answer than 4,096 bytes.
REASON_CHARACTERS = 600


def handler(event: dict[str, Any], _context: object = None) -> dict[str, Any]:
    """Apply what is missing and set the roles' passwords; return the names of the files applied.

    Asked by CloudFormation, it answers there: a failure fails the deployment, with its message. To delete the
    resource is to do nothing: the tables go with the database. Called by hand with `{}`, it raises what fails; with
    `{"erase_user": USER_ID}` it removes that person instead, and returns how many rows of each table are gone.
    """
    if "ResponseURL" in event:
        return answered(event)
    if event.keys() == {"erase_user"}:
        return {"erased": erase(event["erase_user"])}
    if event:
        raise ValueError(f'fields {", ".join(sorted(event))}: expected {{}} or {{"erase_user": USER_ID}}')
    return update()


def answered(event: dict[str, Any]) -> dict[str, list[str]]:
    """Do what CloudFormation asks for, and let it know."""
    try:
        applied = {"applied": []} if event["RequestType"] == "Delete" else update()
    except Exception as error:  # whatever it is, CloudFormation waits for an answer
        log.exception("failed")
        respond(event, status="FAILED", reason=f"{type(error).__name__}: {error}")
        return {"applied": []}
    respond(event, status="SUCCESS")
    return applied


def update() -> dict[str, list[str]]:
    """Migrate as the owner, then let each login of $LOGIN_SECRETS in."""
    with psycopg.connect(owner_connection_string(), autocommit=True) as connection:
        applied = migrate(connection)
        for secret in os.environ["LOGIN_SECRETS"].split(","):
            login = read_secret(secret)
            set_password(connection, login["username"], login["password"])
    log.info("up to date", extra={"applied": applied})
    return {"applied": applied}


def erase(user_id: str) -> dict[str, int]:
    """Remove a person; docs/operations.md tells what to do before and after."""
    with psycopg.connect(owner_connection_string(), autocommit=True) as connection:
        # The server logs what takes longer than a second, with its parameters: this takes less, what follows has none.
        connection.execute("select set_config('erasure.user_id', %s, false)", [user_id])
        erased = connection.execute("select * from erase_user(current_setting('erasure.user_id'))")
        rows: dict[str, int] = dict(erased.fetchall())
    log.info("erased a person", extra={"rows": rows})
    return rows


def owner_connection_string() -> str:
    """Where the database is, from the environment: the secret that RDS manages has only name and password."""
    login = read_secret(os.environ["OWNER_SECRET"])
    return verified_connection_string(
        host=os.environ["DATABASE_HOST"],
        port=os.environ["DATABASE_PORT"],
        dbname=os.environ["DATABASE_NAME"],
        user=login["username"],
        password=login["password"],
    )


def read_secret(secret: str) -> dict[str, str]:
    """The JSON object in a secret."""
    value = boto3.client("secretsmanager").get_secret_value(SecretId=secret)["SecretString"]
    login: dict[str, str] = json.loads(value)
    return login


def respond(event: dict[str, Any], *, status: str, reason: str = "") -> None:
    """Put the outcome where CloudFormation looks for it: unanswered, a deployment waits until it times out."""
    answer = {
        "Status": status,
        "Reason": reason[:REASON_CHARACTERS],
        "PhysicalResourceId": event.get("PhysicalResourceId", "migrations"),
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
    }
    request = urllib.request.Request(  # noqa: S310 - CloudFormation's own URL
        event["ResponseURL"], data=json.dumps(answer).encode(), method="PUT", headers={"Content-Type": ""}
    )
    for seconds in (1, 2, 4, 0):
        try:
            with urllib.request.urlopen(request, timeout=10):  # noqa: S310 - the same
                return
        except OSError:
            log.exception("CloudFormation did not take the answer", extra=answer)
            time.sleep(seconds)
