"""The real PostgreSQL and the real Spark, each started once for all tests that ask."""

import itertools
import os
import sys
from collections.abc import Callable, Iterator

import psycopg
import pytest
from psycopg import sql
from pyspark.sql import SparkSession

from local.folder import PROJECT
from local.servers import postgres as embedded
from local.servers.postgres import Server
from runtime.attribution_job.session import create_session

numbers = itertools.count()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with embedded.running(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture
def empty_database(postgres: Server) -> Iterator[psycopg.Connection]:
    """A connection to a database in which nothing is."""
    name = f"empty_{next(numbers)}"
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as admin:
        admin.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    with psycopg.connect(postgres.url(name), autocommit=True) as connection:
        yield connection
    embedded.drop_database(postgres, name)


@pytest.fixture
def connect(postgres: Server, empty_database: psycopg.Connection) -> Callable[[], psycopg.Connection]:
    """Opens more connections to `empty_database`."""
    return lambda: psycopg.connect(postgres.url(empty_database.info.dbname), autocommit=True)


@pytest.fixture
def database(postgres: Server) -> Iterator[str]:
    """The name of a fresh, migrated database."""
    name = f"pipeline_{next(numbers)}"
    embedded.create_database(postgres, name)
    yield name
    embedded.drop_database(postgres, name)


@pytest.fixture
def migrated(postgres: Server, database: str) -> Iterator[psycopg.Connection]:
    """The owner's connection to `database`."""
    with psycopg.connect(postgres.url(database), autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["SPARK_CONF_DIR"] = str(PROJECT / "local" / "servers" / "spark")
    # Generated code, as on Glue; the tests of the whole job run it interpreted, as the demo does.
    generated = "--conf spark.sql.codegen.wholeStage=true --conf spark.sql.codegen.factoryMode=FALLBACK"
    os.environ["PYSPARK_SUBMIT_ARGS"] = f"{generated} pyspark-shell"
    session = create_session()
    yield session
    session.stop()
