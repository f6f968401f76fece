"""How runtime code reaches PostgreSQL: a secret on AWS, a URL elsewhere."""

import json
import os
from pathlib import Path
from typing import Any

import boto3
import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

CONNECT_TIMEOUT_SECONDS = 10
# Lies in the bundle: https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem
RDS_CERTIFICATES = Path(__file__).parent / "rds-global-bundle.pem"


def connection_string(secret: str | None) -> str:
    """The login in Secrets Manager's `secret` (JSON with host, port, dbname, username, password), read anew on
    every call because passwords rotate; without a secret, $DATABASE_URL.

    Raises:
        RuntimeError: there is neither a secret nor $DATABASE_URL.
        ValueError: $DATABASE_URL is malformed.
    """
    if secret is None:
        url = os.environ.get("DATABASE_URL")
        if not url:
            raise RuntimeError("no database to connect to: give the secret of its login, or set DATABASE_URL")
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
    """The parameters of a connection URI, or of another form that libpq takes.

    Raises:
        ValueError: it is malformed. Unlike libpq's, the message quotes nothing of it: that might be the password.
    """
    malformed = ValueError(
        "DATABASE_URL: expected postgresql://USER:PASSWORD@HOST:PORT/DATABASE, with special characters of the password"
        " written as %XX"
    )
    try:
        parameters = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        raise malformed from None
    # An unescaped "/" or "@" makes one of these of a piece of the password, about which libpq would complain later.
    port, place = str(parameters.get("port", 0)), f"{parameters.get('host')} {parameters.get('dbname')}"
    if not port.replace(",", "").isdecimal() or "@" in place:
        raise malformed
    return parameters


def verified_connection_string(*, host: str, port: str, dbname: str, user: str, password: str) -> str:
    """Over TLS to the very `host`, or not at all.

    The authorities that it may be certified by are those of RDS, or libpq's own variable $PGSSLROOTCERT names others:
    https://www.postgresql.org/docs/current/libpq-envars.html
    """
    return make_conninfo(
        host=host,
        port=port,
        dbname=dbname,
        user=user,
        password=password,
        sslmode="verify-full",
        sslrootcert=os.environ.get("PGSSLROOTCERT", str(RDS_CERTIFICATES)),
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
    )


def connect(secret: str | None = None) -> psycopg.Connection:
    """A connection in autocommit mode, so that a transaction is only where the code says so."""
    return psycopg.connect(connection_string(secret), autocommit=True, application_name="ecommerce-streaming")
