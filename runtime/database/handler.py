"""Lambda handler that migrates the database, for CloudFormation or by hand, and erases a person's data."""

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

# CloudFormation accepts responses of at most 4,096 bytes. This length of the reason keeps a response below that.
REASON_CHARACTERS = 600


def handler(event: dict[str, Any], _context: object = None) -> dict[str, Any]:
    """Applies the pending migrations and sets the login roles' passwords, or erases a person.

    A CloudFormation request is answered at its response URL, and a failure fails the deployment with its message.
    A Delete request does nothing, because the tables are deleted with the database. `{}` is the call by hand, which
    raises its errors. `{"erase_user": USER_ID}` erases that person instead.

    Returns:
        `applied`, the names of the applied files, or `erased`, the number of deleted rows by table.

    Raises:
        ValueError: the payload has unknown fields.
    """
    if "ResponseURL" in event:
        return answer_cloudformation(event)
    if event.keys() == {"erase_user"}:
        return {"erased": erase(event["erase_user"])}
    if event:
        raise ValueError(f'payload fields {", ".join(sorted(event))}: expected {{}} or {{"erase_user": USER_ID}}')
    return update_database()


def answer_cloudformation(event: dict[str, Any]) -> dict[str, list[str]]:
    """Handles a request of CloudFormation and sends the outcome to CloudFormation."""
    try:
        result: dict[str, list[str]] = {"applied": []} if event["RequestType"] == "Delete" else update_database()
    except Exception as error:  # after any error, CloudFormation waits for a response
        log.exception("database update failed")
        respond(event, status="FAILED", reason=f"{type(error).__name__}: {error}")
        return {"applied": []}
    respond(event, status="SUCCESS")
    return result


def update_database() -> dict[str, list[str]]:
    """Applies the pending migrations as the owner, then sets the password of each login in $LOGIN_SECRETS."""
    with psycopg.connect(owner_connection_string(), autocommit=True) as connection:
        applied = migrate(connection)
        for secret in os.environ["LOGIN_SECRETS"].split(","):
            login = read_secret(secret)
            set_password(connection, login["username"], login["password"])
    log.info("database is up to date", extra={"applied": applied})
    return {"applied": applied}


def erase(user_id: str) -> dict[str, int]:
    """Deletes a person's rows, and returns their number by table. docs/operations.md has the whole procedure."""
    with psycopg.connect(owner_connection_string(), autocommit=True) as connection:
        # The server logs statements over a second with their parameters. Only this fast statement has the id as one.
        connection.execute("select set_config('erasure.user_id', %s, false)", [user_id])
        erased = connection.execute("select * from erase_user(current_setting('erasure.user_id'))")
        rows: dict[str, int] = dict(erased.fetchall())
    log.info("erased a person", extra={"rows": rows})
    return rows


def owner_connection_string() -> str:
    """Returns the owner's connection string. The secret that RDS manages lacks host, port and database name."""
    login = read_secret(os.environ["OWNER_SECRET"])
    return verified_connection_string(
        host=os.environ["DATABASE_HOST"],
        port=os.environ["DATABASE_PORT"],
        dbname=os.environ["DATABASE_NAME"],
        user=login["username"],
        password=login["password"],
    )


def read_secret(secret: str) -> dict[str, str]:
    """Returns the JSON object in a secret of Secrets Manager."""
    value = boto3.client("secretsmanager").get_secret_value(SecretId=secret)["SecretString"]
    login: dict[str, str] = json.loads(value)
    return login


def respond(event: dict[str, Any], *, status: str, reason: str = "") -> None:
    """Sends the outcome to CloudFormation. Without a response, the deployment waits until its time-out."""
    response = {
        "Status": status,
        "Reason": reason[:REASON_CHARACTERS],
        "PhysicalResourceId": event.get("PhysicalResourceId", "migrations"),
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
    }
    request = urllib.request.Request(  # noqa: S310 - CloudFormation's own URL
        event["ResponseURL"], data=json.dumps(response).encode(), method="PUT", headers={"Content-Type": ""}
    )
    for seconds in (1, 2, 4, 0):
        try:
            with urllib.request.urlopen(request, timeout=10):  # noqa: S310 - CloudFormation's own URL
                return
        except OSError:
            log.exception("CloudFormation did not accept the response", extra=response)
            time.sleep(seconds)
