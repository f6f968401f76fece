"""The custom resource, with a real database and an HTTP server in CloudFormation's place."""

import json
import logging
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from runtime.database import handler as module
from runtime.database.handler import handler
from runtime.database.migrate import MigrationError

LOGINS = {
    "writer": {"username": "pipeline_writer", "password": "w-secret"},
    "analyst": {"username": "pipeline_analyst", "password": "a-secret"},
}


class CloudFormation(HTTPServer):
    """An HTTP server that keeps the responses it receives."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), ResponseReceiver)
        self.responses: list[dict[str, str]] = []

    def event(self, request_type: str) -> dict[str, Any]:
        return {
            "RequestType": request_type,
            "ResponseURL": f"http://127.0.0.1:{self.server_port}/response",
            "StackId": "stack",
            "RequestId": "request",
            "LogicalResourceId": "Migrations",
        }


class ResponseReceiver(BaseHTTPRequestHandler):
    server: CloudFormation

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.responses.append(json.loads(body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        pass


@pytest.fixture
def cloudformation() -> Iterator[CloudFormation]:
    with CloudFormation() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(autouse=True)
def lambda_environment(empty_database: psycopg.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    info = empty_database.info
    dsn = psycopg.conninfo.make_conninfo(**info.get_parameters(), password=info.password)
    monkeypatch.setattr(module, "owner_connection_string", lambda: dsn)
    monkeypatch.setattr(module, "read_secret", LOGINS.__getitem__)
    monkeypatch.setenv("LOGIN_SECRETS", "writer,analyst")


def test_a_deployment_migrates_and_enables_both_logins(
    cloudformation: CloudFormation, empty_database: psycopg.Connection
) -> None:
    applied = handler(cloudformation.event("Create"))["applied"]
    assert applied[0] == "0001_tables.sql"
    (response,) = cloudformation.responses
    assert (response["Status"], response["PhysicalResourceId"]) == ("SUCCESS", "migrations")
    roles = empty_database.execute("select rolname from pg_roles where rolcanlogin and rolname like 'pipeline%'")
    assert {name for (name,) in roles} >= {"pipeline_writer", "pipeline_analyst"}


def test_a_second_deployment_applies_no_file_twice(cloudformation: CloudFormation) -> None:
    handler(cloudformation.event("Create"))
    assert handler(cloudformation.event("Update") | {"PhysicalResourceId": "migrations"}) == {"applied": []}
    assert [response["Status"] for response in cloudformation.responses] == ["SUCCESS", "SUCCESS"]


def test_a_failing_migration_fails_the_deployment_with_its_message(
    cloudformation: CloudFormation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: psycopg.Connection) -> list[str]:
        raise MigrationError("0005_more.sql: relation does not exist" + " …" * 5000)

    monkeypatch.setattr(module, "migrate", fail)
    handler(cloudformation.event("Update"))
    (response,) = cloudformation.responses
    assert response["Status"] == "FAILED"
    assert response["Reason"].startswith("MigrationError: 0005_more.sql: relation does not exist")
    assert len(json.dumps(response)) < 4096


def test_a_deleted_stack_needs_no_database(cloudformation: CloudFormation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "update_database", lambda: pytest.fail("the database may be gone already"))
    handler(cloudformation.event("Delete"))
    assert [response["Status"] for response in cloudformation.responses] == ["SUCCESS"]


def test_a_call_by_hand_raises_the_migration_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: psycopg.Connection) -> list[str]:
        raise MigrationError("0005_more.sql: no")

    monkeypatch.setattr(module, "migrate", fail)
    with pytest.raises(MigrationError, match="0005_more"):
        handler({})


def test_an_erasure_by_hand_logs_only_row_counts(
    empty_database: psycopg.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    handler({})
    empty_database.execute(
        "insert into raw_clicks (click_id, user_id, click_timestamp, arrived_at, late)"
        " values ('c', 'mrs-smith', now(), now(), false), ('d', 'mr-smith', now(), now(), false)"
    )
    caplog.set_level(logging.INFO)
    assert handler({"erase_user": "mrs-smith"})["erased"]["raw_clicks"] == 1
    assert empty_database.execute("select user_id from raw_clicks").fetchall() == [("mr-smith",)]
    assert "erased a person" in caplog.text
    assert "mrs-smith" not in str([vars(record) for record in caplog.records])


def test_a_slow_erasure_leaves_no_id_in_the_server_log(
    empty_database: psycopg.Connection, connect: Callable[[], psycopg.Connection]
) -> None:
    handler({})
    name = sql.Identifier(empty_database.info.dbname)
    # The setting is one second on RDS.
    empty_database.execute(sql.SQL("alter database {} set log_min_duration_statement = '50ms'").format(name))
    analyst = connect()
    analyst.execute("begin; select from batches")
    threading.Timer(1, analyst.rollback).start()
    handler({"erase_user": "mrs-smith"})
    log_text = server_log(empty_database)
    assert "erase_user" in log_text
    assert "mrs-smith" not in log_text


def server_log(connection: psycopg.Connection) -> str:
    ((folder,),) = connection.execute("show data_directory").fetchall()
    return (Path(folder) / "server.log").read_text()


def test_a_call_by_hand_with_unknown_fields_is_refused() -> None:
    with pytest.raises(ValueError, match="fields erase: expected"):
        handler({"erase": "mrs-smith"})


def test_the_owner_connects_with_tls_to_the_host_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    for name, value in {
        "OWNER_SECRET": "o",
        "DATABASE_HOST": "db",
        "DATABASE_PORT": "5432",
        "DATABASE_NAME": "n",
    }.items():
        monkeypatch.setenv(name, value)
    read: Callable[[str], dict[str, str]] = lambda _: {"username": "owner", "password": "it's"}  # noqa: E731
    monkeypatch.setattr(module, "read_secret", read)
    connection = psycopg.conninfo.conninfo_to_dict(module.owner_connection_string())
    assert (connection["user"], connection["password"], connection["host"]) == ("owner", "it's", "db")
    assert connection["sslmode"] == "verify-full"
    assert str(connection["sslrootcert"]).endswith("rds-global-bundle.pem")
