"""The custom resource, against a real database and a server that stands for CloudFormation."""

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
    """Keeps the answers that are put to it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.answers: list[dict[str, str]] = []

    def event(self, request: str) -> dict[str, Any]:
        return {
            "RequestType": request,
            "ResponseURL": f"http://127.0.0.1:{self.server_port}/answer",
            "StackId": "stack",
            "RequestId": "request",
            "LogicalResourceId": "Migrations",
        }


class Answers(BaseHTTPRequestHandler):
    server: CloudFormation

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.answers.append(json.loads(body))
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
def deployed(empty_database: psycopg.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    info = empty_database.info
    dsn = psycopg.conninfo.make_conninfo(**info.get_parameters(), password=info.password)
    monkeypatch.setattr(module, "owner_connection_string", lambda: dsn)
    monkeypatch.setattr(module, "read_secret", LOGINS.__getitem__)
    monkeypatch.setenv("LOGIN_SECRETS", "writer,analyst")


def test_a_deployment_migrates_and_lets_both_roles_in(
    cloudformation: CloudFormation, empty_database: psycopg.Connection
) -> None:
    applied = handler(cloudformation.event("Create"))["applied"]
    assert applied[0] == "0001_tables.sql"
    (answer,) = cloudformation.answers
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", "migrations")
    roles = empty_database.execute("select rolname from pg_roles where rolcanlogin and rolname like 'pipeline%'")
    assert {name for (name,) in roles} >= {"pipeline_writer", "pipeline_analyst"}


def test_a_second_deployment_applies_nothing_twice(cloudformation: CloudFormation) -> None:
    handler(cloudformation.event("Create"))
    assert handler(cloudformation.event("Update") | {"PhysicalResourceId": "migrations"}) == {"applied": []}
    assert [answer["Status"] for answer in cloudformation.answers] == ["SUCCESS", "SUCCESS"]


def test_a_failing_migration_fails_the_deployment_with_its_message(
    cloudformation: CloudFormation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: psycopg.Connection) -> list[str]:
        raise MigrationError("0005_more.sql: relation does not exist" + " …" * 5000)

    monkeypatch.setattr(module, "migrate", fail)
    handler(cloudformation.event("Update"))
    (answer,) = cloudformation.answers
    assert answer["Status"] == "FAILED"
    assert answer["Reason"].startswith("MigrationError: 0005_more.sql: relation does not exist")
    assert len(json.dumps(answer)) < 4096


def test_removing_the_stack_needs_no_database(cloudformation: CloudFormation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "update", lambda: pytest.fail("the database may be gone already"))
    handler(cloudformation.event("Delete"))
    assert [answer["Status"] for answer in cloudformation.answers] == ["SUCCESS"]


def test_called_by_hand_it_raises_what_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: psycopg.Connection) -> list[str]:
        raise MigrationError("0005_more.sql: no")

    monkeypatch.setattr(module, "migrate", fail)
    with pytest.raises(MigrationError, match="0005_more"):
        handler({})


def test_called_by_hand_it_erases_a_person_and_logs_counts_alone(
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


def test_an_erasure_that_takes_long_leaves_no_id_in_the_servers_log(
    empty_database: psycopg.Connection, connect: Callable[[], psycopg.Connection]
) -> None:
    handler({})
    name = sql.Identifier(empty_database.info.dbname)
    # As on RDS, where it is a second.
    empty_database.execute(sql.SQL("alter database {} set log_min_duration_statement = '50ms'").format(name))
    analyst = connect()
    analyst.execute("begin; select from batches")
    threading.Timer(1, analyst.rollback).start()
    handler({"erase_user": "mrs-smith"})
    logged = server_log(empty_database)
    assert "erase_user" in logged
    assert "mrs-smith" not in logged


def server_log(connection: psycopg.Connection) -> str:
    ((folder,),) = connection.execute("show data_directory").fetchall()
    return (Path(folder) / "server.log").read_text()


def test_a_call_by_hand_that_asks_for_something_else_is_refused() -> None:
    with pytest.raises(ValueError, match="fields erase: expected"):
        handler({"erase": "mrs-smith"})


def test_the_owner_connects_with_tls_to_what_the_environment_names(monkeypatch: pytest.MonkeyPatch) -> None:
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
