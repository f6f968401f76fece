import json
from unittest.mock import patch

import boto3
import pytest
from botocore.stub import Stubber
from psycopg.conninfo import conninfo_to_dict

from runtime.database.connection import RDS_CERTIFICATES, connection_string, verified_connection_string

LOGIN = {
    "host": "db.example",
    "port": 5432,
    "dbname": "shop",
    "username": "pipeline_writer",
    "password": "p w'\\",
}


def test_a_secret_gives_a_connection_that_verifies_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
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
        "sslrootcert": str(RDS_CERTIFICATES),
        "connect_timeout": "10",
    }


def test_other_authorities_than_those_of_rds_are_named_as_libpq_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGSSLROOTCERT", "/etc/own-authority.pem")
    text = verified_connection_string(host="db", port="5432", dbname="shop", user="writer", password="p")
    parameters = conninfo_to_dict(text)
    assert (parameters["sslmode"], parameters["sslrootcert"]) == ("verify-full", "/etc/own-authority.pem")


def test_without_a_secret_the_url_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://writer:secret@127.0.0.1:5433/shop")
    parameters = conninfo_to_dict(connection_string(None))
    assert (parameters["user"], parameters["port"], parameters["dbname"]) == ("writer", "5433", "shop")


def test_without_either_it_says_what_to_give(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    with pytest.raises(RuntimeError, match="DATABASE_URL"):
        connection_string(None)
