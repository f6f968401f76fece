"""Connections to PostgreSQL. The login comes from Secrets Manager on AWS, and from $DATABASE_URL elsewhere."""

import atexit
import functools
import json
import os
from contextlib import ExitStack
from importlib import resources
from typing import Any

import boto3
import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

CONNECT_TIMEOUT_SECONDS = 10
# Included in the deployed bundle, from https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem
RDS_CERTIFICATES = resources.files("runtime.database") / "rds-global-bundle.pem"


def connection_string(secret: str | None) -> str:
    """Returns the connection string of the login in `secret`, or of $DATABASE_URL if `secret` is None.

    `secret` names a secret in Secrets Manager: JSON with host, port, dbname, username and password. Every call
    reads the secret again, because passwords rotate.

    Raises:
        RuntimeError: `secret` is None, and $DATABASE_URL is not set.
        ValueError: $DATABASE_URL is malformed.
    """
    if secret is None:
        url = os.environ.get("DATABASE_URL")
        if not url:
            raise RuntimeError("no database login: give the name of a secret in Secrets Manager, or set DATABASE_URL")
        return make_conninfo(**read_url(url) | {"connect_timeout": CONNECT_TIMEOUT_SECONDS})
    value = boto3.client("secretsmanager").get_secret_value(SecretId=secret)["SecretString"]
    login = json.loads(value)
    return verified_connection_string(
        host=login["host"],
        port=login["port"],
        dbname=login["dbname"],
        user=login["username"],
        password=login["password"],
    )


def read_url(url: str) -> dict[str, Any]:
    """Returns the connection parameters of a URL, or of any other connection string that libpq accepts.

    Raises:
        ValueError: the URL is malformed. Unlike libpq's message, this one does not quote the URL, because the
            quoted part can be the password.
    """
    malformed = ValueError(
        "DATABASE_URL: expected postgresql://USER:PASSWORD@HOST:PORT/DATABASE, with special characters of the password"
        " written as %XX"
    )
    try:
        parameters = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        raise malformed from None
    # After an unescaped "/" or "@", part of the password is read as port, host or database, and libpq would quote it.
    port, host_and_database = str(parameters.get("port", 0)), f"{parameters.get('host')} {parameters.get('dbname')}"
    if not port.replace(",", "").isdecimal() or "@" in host_and_database:
        raise malformed
    return parameters


def verified_connection_string(*, host: str, port: str, dbname: str, user: str, password: str) -> str:
    """Returns a connection string that requires TLS and a server certificate for `host`.

    The trusted certificate authorities are those of RDS. libpq's variable $PGSSLROOTCERT replaces them:
    https://www.postgresql.org/docs/current/libpq-envars.html
    """
    return make_conninfo(
        host=host,
        port=port,
        dbname=dbname,
        user=user,
        password=password,
        sslmode="verify-full",
        sslrootcert=os.environ.get("PGSSLROOTCERT") or rds_certificates(),
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
    )


@functools.cache
def rds_certificates() -> str:
    """Returns the path of the certificate authorities of RDS.

    libpq needs a file. Glue imports this package from a zip; then the path is that of a temporary file, which exists
    until the process ends.
    """
    temporary_files = ExitStack()
    atexit.register(temporary_files.close)
    return str(temporary_files.enter_context(resources.as_file(RDS_CERTIFICATES)))


def connect(secret: str | None = None) -> psycopg.Connection:
    """Returns a connection in autocommit mode: every transaction is explicit in the code."""
    return psycopg.connect(connection_string(secret), autocommit=True, application_name="ecommerce-streaming")
