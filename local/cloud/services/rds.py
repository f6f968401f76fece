"""RDS: an instance is an embedded PostgreSQL behind a TLS proxy, with the master password in Secrets Manager."""

import json
import logging
import os
import queue
import secrets
import shutil
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import psycopg
import trustme
from psycopg import sql

from local.cloud.services import HOST
from local.errors import RunError
from local.servers import postgres, processes

log = logging.getLogger(__name__)

INSTANCE = "AWS::RDS::DBInstance"
STARTUP_SECONDS = 30


class Instances:
    """The database servers of the local cloud, with their data below `folder`. Leaving the `with` block stops them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: dict[str, ExitStack] = {}

    def __enter__(self) -> Self:
        """Creates a certificate authority and the servers' certificate; only clients of these servers trust it."""
        self._folder.mkdir(parents=True, exist_ok=True)
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(certificate_authority(self._folder)))
        self._certificate.touch(mode=0o600)
        authority.issue_cert(HOST).private_key_and_cert_chain_pem.write_to_path(str(self._certificate))
        return self

    def __exit__(self, *_: object) -> None:
        for name in list(self._running):
            self._running.pop(name).close()

    @property
    def _certificate(self) -> Path:
        return self._folder / "server.pem"

    def start(self, name: str, *, database: str, user: str, password: str) -> int:
        """Starts a server with an empty `database` that `user` owns; returns the port of its TLS proxy.

        Raises:
            PostgresError: the server did not start.
            RunError: the TLS proxy did not start.
        """
        stack = self._running[name] = ExitStack()
        folder = self._folder / name
        shutil.rmtree(folder, ignore_errors=True)
        server = stack.enter_context(postgres.running(folder))
        _create_database(server, database, user, password)
        port = processes.free_port()
        stack.callback(self._start_tls(port, server.port, folder / "tls.log"))
        log.warning("PostgreSQL of %s on %s:%s", name, HOST, port)
        return port

    def delete(self, name: str) -> None:
        if stack := self._running.pop(name, None):
            stack.close()
        shutil.rmtree(self._folder / name, ignore_errors=True)

    def _start_tls(self, port: int, backend: int, log_file: Path) -> Callable[[], None]:
        """Starts the TLS proxy of the server on port `backend`; returns a function that stops the proxy.

        A thread of its own starts the child process, which would otherwise end with the caller's thread.
        """
        started: queue.Queue[bool] = queue.Queue()
        stopping = threading.Event()
        command = [sys.executable, "-m", "local.cloud.services.tls", str(port), str(backend), str(self._certificate)]

        def run() -> None:
            with processes.child(command, environment=os.environ, log_file=log_file) as process:
                started.put(processes.wait_until_listening(port, STARTUP_SECONDS, lambda: process.poll() is None))
                stopping.wait()

        thread = threading.Thread(target=run, name=f"tls-{port}", daemon=True)
        thread.start()
        if not started.get():
            raise RunError(f"the TLS proxy of PostgreSQL did not start; see {log_file}")

        def stop() -> None:
            stopping.set()
            thread.join()

        return stop


def certificate_authority(folder: Path) -> Path:
    """Returns the file with the root certificate that clients of the instances below `folder` trust."""
    return folder / "authority.pem"


def extend(types: dict[str, Any], rds: Any, secretsmanager: Any, instances: Instances) -> None:
    handlers = types[INSTANCE]

    def create(logical_id: str, properties: Mapping[str, Any], stack: str) -> Any:
        name, attributes = handlers["create"](logical_id, properties, stack)
        user, password = properties["MasterUsername"], secrets.token_urlsafe(24)
        port = instances.start(name, database=properties["DBName"], user=user, password=password)
        secret = _create_secret(secretsmanager, f"rds!{attributes['DbiResourceId']}", user, password)
        record = rds._instances[name]
        record["Endpoint"] |= {"Address": HOST, "Port": port}
        record["MasterUserSecret"] = {"SecretArn": secret, "SecretStatus": "active"}
        return name, attributes | _attributes(record)

    def update(physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], stack: str, logical_id: str) -> Any:
        endpoint = dict(rds._instances[physical_id]["Endpoint"])
        name, attributes = handlers["update"](physical_id, old, new, stack, logical_id)
        if name != physical_id:
            raise RunError(f"{logical_id}: the local cloud cannot replace a database instance; destroy the stack first")
        record = rds._instances[name]
        record["Endpoint"] = endpoint
        return name, attributes | _attributes(record)

    def delete(physical_id: str, properties: Mapping[str, Any]) -> None:
        record = rds._instances.get(physical_id, {})
        handlers["delete"](physical_id, properties)
        instances.delete(physical_id)
        if secret := record.get("MasterUserSecret"):
            secretsmanager._delete_secret({"SecretId": secret["SecretArn"], "ForceDeleteWithoutRecovery": True})

    types[INSTANCE] = handlers | {"create": create, "update": update, "delete": delete}


def _attributes(record: Mapping[str, Any]) -> dict[str, str]:
    return {
        "Endpoint.Address": record["Endpoint"]["Address"],
        "Endpoint.Port": str(record["Endpoint"]["Port"]),
        "MasterUserSecret.SecretArn": record["MasterUserSecret"]["SecretArn"],
    }


def _create_secret(secretsmanager: Any, name: str, user: str, password: str) -> str:
    login = json.dumps({"username": user, "password": password})
    _, _, body = secretsmanager._create_secret({"Name": name, "SecretString": login})
    return str(json.loads(body)["ARN"])


def _create_database(server: postgres.Server, database: str, user: str, password: str) -> None:
    """Creates the master user and its database. As on RDS, the master can create roles but is not a superuser."""
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        create_user = sql.SQL("create role {} login createrole createdb password {}")
        connection.execute(create_user.format(sql.Identifier(user), sql.Literal(password)))
        create_database = sql.SQL("create database {} owner {}")
        connection.execute(create_database.format(sql.Identifier(database), sql.Identifier(user)))
