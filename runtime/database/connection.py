"""How runtime code reaches PostgreSQL: a secret on AWS, a URL elsewhere."""

import json
import os
from pathlib import Path

import boto3
import psycopg
from psycopg.conninfo import make_conninfo

CONNECT_TIMEOUT_SECONDS = 10
# Lies in the bundle on AWS: https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem
RDS_CERTIFICATES = Path(__file__).parent / "rds-global-bundle.pem"


def connection_string(secret: str | None) -> str:
    """The login in Secrets Manager's `secret` (JSON with host, port, dbname, username, password), read anew on
    every call because passwords rotate; without a secret, $DATABASE_URL.

    Raises:
        RuntimeError: there is neither a secret nor $DATABASE_URL.
    """
    if secret is None:
        url = os.environ.get("DATABASE_URL")
        if not url:
            raise RuntimeError("no database to connect to: give the secret of its login, or set DATABASE_URL")
        return make_conninfo(url, connect_timeout=CONNECT_TIMEOUT_SECONDS)
    value = boto3.client("secretsmanager").get_secret_value(SecretId=secret)["SecretString"]
    login = json.loads(value)
    return make_conninfo(
        host=login["host"],
        port=login["port"],
        dbname=login["dbname"],
        user=login["username"],
        password=login["password"],
        sslmode="verify-full",
        sslrootcert=str(RDS_CERTIFICATES),
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
    )


def connect(secret: str | None = None) -> psycopg.Connection:
    """A connection in autocommit mode, so that a transaction is only where the code says so."""
    return psycopg.connect(connection_string(secret), autocommit=True, application_name="ecommerce-streaming")
