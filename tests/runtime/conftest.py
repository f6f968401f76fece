"""Fixtures of a real PostgreSQL and a real Spark, each started once in a test session."""

import itertools
import os
from collections.abc import Callable, Iterator

import psycopg
import pytest
from psycopg import sql
from pyspark.sql import SparkSession

from local.servers import class_archive, java
from local.servers import postgres as embedded
from local.servers.job import environment
from local.servers.postgres import Server
from runtime.attribution_job.session import create_session
from runtime.database.migrate import LOGIN_ROLES, set_password

TEMPLATE = "template_pipeline"
COPY_PRIVILEGES = """
update pg_database
   set datacl = (select datacl from pg_database where datname = %(template)s)
 where datname = %(copy)s
"""

database_numbers = itertools.count()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with embedded.running(tmp_path_factory.mktemp("postgres")) as server:
        with psycopg.connect(server.url("postgres"), autocommit=True) as admin:
            # Only a crash of the machine could damage the files now, and it would end the tests too.
            admin.execute("alter system set fsync = off")
            # A login with the default of 4096 rounds of SCRAM costs both sides more than most statements of a test.
            admin.execute("alter system set scram_iterations = 1")
            admin.execute("select pg_reload_conf()")
        yield server


@pytest.fixture
def empty_database(postgres: Server) -> Iterator[psycopg.Connection]:
    """A connection to a new database without tables."""
    name = f"empty_{next(database_numbers)}"
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as admin:
        admin.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    with psycopg.connect(postgres.url(name), autocommit=True) as connection:
        yield connection
    embedded.drop_database(postgres, name)


@pytest.fixture
def connect(postgres: Server, empty_database: psycopg.Connection) -> Callable[[], psycopg.Connection]:
    """Opens more connections to `empty_database`."""
    return lambda: psycopg.connect(postgres.url(empty_database.info.dbname), autocommit=True)


@pytest.fixture(scope="session")
def migrated_template(postgres: Server) -> str:
    """The name of a database with all migrations applied, which others are copies of."""
    embedded.create_database(postgres, TEMPLATE)
    return TEMPLATE


@pytest.fixture
def database(postgres: Server, migrated_template: str) -> Iterator[str]:
    """The name of a new database with all migrations applied."""
    name = f"pipeline_{next(database_numbers)}"
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as admin:
        # A copy takes a tenth of the time of the migrations. It lacks the privileges on the database itself.
        admin.execute(sql.SQL("create database {} template {}").format(*map(sql.Identifier, (name, migrated_template))))
        admin.execute(COPY_PRIVILEGES, {"copy": name, "template": migrated_template})
        # The roles are common to all databases, and a test may have changed their passwords.
        for role in LOGIN_ROLES:
            set_password(admin, role, postgres.password)
    yield name
    embedded.drop_database(postgres, name)


@pytest.fixture
def migrated(postgres: Server, database: str) -> Iterator[psycopg.Connection]:
    """A connection to `database` as its owner."""
    with psycopg.connect(postgres.url(database), autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    scratch = tmp_path_factory.mktemp("spark")
    os.environ.update(environment(java_home=java.ensure(), java_options=class_archive.java_options(), scratch=scratch))
    # Spark generates code, as on Glue. The tests of the whole job turn that off, as the demo does.
    code_generation = "--conf spark.sql.codegen.wholeStage=true --conf spark.sql.codegen.factoryMode=FALLBACK"
    os.environ["PYSPARK_SUBMIT_ARGS"] = f"{code_generation} {os.environ['PYSPARK_SUBMIT_ARGS']}"
    session = create_session()
    yield session
    session.stop()
