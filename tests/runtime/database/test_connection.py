import json
import traceback
from unittest.mock import patch
from uuid import uuid4

import boto3
import psycopg
import pytest
from botocore.stub import Stubber
from psycopg.conninfo import conninfo_to_dict

from local.servers.postgres import Server
from runtime.attribution_job.progress import JsonFormatter
from runtime.attribution_job.sink.postgres import PostgresSink
from runtime.database.connection import connect, connection_string, rds_certificates, verified_connection_string
from tests.runtime.attribution_job.sink.rows import table

LOGIN = {
    "host": "db.example",
    "port": 5432,
    "dbname": "shop",
    "username": "pipeline_writer",
    "password": "p w'\\",
}


def test_a_secret_gives_a_connection_string_that_verifies_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("PGSSLROOTCERT", raising=False)
    client = boto3.client("secretsmanager", region_name="eu-west-1", aws_access_key_id="a", aws_secret_access_key="b")
    with Stubber(client) as stub, patch("boto3.client", return_value=client):
        stub.add_response("get_secret_value", {"SecretString": json.dumps(LOGIN)}, {"SecretId": "login"})
        parameters = conninfo_to_dict(connection_string("login"))
    assert parameters == {
        "host": "db.example",
        "port": "5432",
        "dbname": "shop",
        "user": "pipeline_writer",
        "password": "p w'\\",
        "sslmode": "verify-full",
        "sslrootcert": rds_certificates(),
        "connect_timeout": "10",
    }


def test_pgsslrootcert_replaces_the_authorities_of_rds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGSSLROOTCERT", "/etc/own-authority.pem")
    connection_text = verified_connection_string(host="db", port="5432", dbname="shop", user="writer", password="p")
    parameters = conninfo_to_dict(connection_text)
    assert (parameters["sslmode"], parameters["sslrootcert"]) == ("verify-full", "/etc/own-authority.pem")


def test_database_url_is_used_without_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://writer:secret@127.0.0.1:5433/shop")
    parameters = conninfo_to_dict(connection_string(None))
    assert (parameters["user"], parameters["port"], parameters["dbname"]) == ("writer", "5433", "shop")


def test_the_error_without_secret_and_url_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    with pytest.raises(RuntimeError, match="DATABASE_URL"):
        connection_string(None)


@pytest.mark.parametrize(
    "url",
    [
        "postgres:/writer:s3cret@db/shop",
        "postgresql://writer:s3cret%@db/shop",
        "postgresql://writer:s3cret@[db/shop",
        "postgresql://writer:s3cret/@db/shop",
        "postgresql://writer:x/s3cret@db/shop",
        "postgresql://writer:x@s3cret@db/shop",
        "host=db password=s3cret ' user=writer",
        "s3cret",
    ],
)
def test_the_error_of_a_malformed_url_omits_the_password(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    with pytest.raises(ValueError, match="DATABASE_URL: expected") as refusal:
        connection_string(None)
    assert "s3cret" not in "".join(traceback.format_exception(refusal.value))


@pytest.mark.parametrize("url", ["postgresql:///shop", "postgresql://a,b:1,2/shop", "host=/run/postgresql dbname=shop"])
def test_every_connection_string_of_libpq_is_accepted(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    assert conninfo_to_dict(connection_string(None)) == conninfo_to_dict(url) | {"connect_timeout": "10"}


def test_a_refused_login_is_retried_and_reported_without_its_password(
    postgres: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Checks everything that the job prints: a line for each attempt, and the final exception."""
    monkeypatch.setenv("DATABASE_URL", Server(port=postgres.port, password="wr0ng").url("postgres"))
    sink = PostgresSink(connect, "spark", retry_seconds=0.5)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed") as refusal:
        sink.write(table(), query_id=str(uuid4()), batch_id=0)
    printed = [JsonFormatter().format(record) for record in caplog.records]
    assert any("password authentication failed" in line for line in printed)
    printed += traceback.format_exception(refusal.value)
    assert [line for line in printed if "wr0ng" in line] == []
