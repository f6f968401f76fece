"""Privileges of the writer and the analyst, tested by logging in as each role."""

import time
from collections.abc import Callable, Iterator
from typing import LiteralString

import psycopg
import pytest
from psycopg import errors, sql

from local.servers.postgres import Server
from tests.waiting import wait_until

LogIn = Callable[[str], psycopg.Connection]

READABLE_BY_BOTH = (
    "raw_clicks", "raw_checkouts", "raw_refunds", "attributed_checkouts", "users", "conflicts", "batches",
    "batch_slices",
)  # fmt: skip
VIEWS = ("net_checkouts", "event_accounts")
TABLES = (*READABLE_BY_BOTH, "dead_letters", "schema_migrations", "hidden.salaries")
FUNCTIONS = ("attribute(array['k'])", "reattribute('-infinity', 'infinity')")

FORBIDDEN_TO_BOTH: list[LiteralString] = [
    "alter table users add column x int",
    "create table mine (a int)",
    "create view mine as select 1",
    "create schema mine",
    "create function mine() returns int language sql return 1",
    "create role mine",
    "grant pipeline_writer to pipeline_analyst",
    "alter role postgres set statement_timeout = 1",
    "alter role pipeline_analyst createrole",
    "set log_statement = 'all'",
    "set role postgres",
    "set session authorization postgres",
    "select * from erase_user('u')",
    "select * from hidden.salaries",
    "select * from pg_authid",
    "select pg_read_file('/etc/passwd')",
    "copy raw_clicks to program 'cat'",
    "copy raw_clicks from '/etc/passwd'",
]
FORBIDDEN_TO_THE_WRITER: list[LiteralString] = [
    "update raw_clicks set user_id = 'x'",
    "update raw_clicks set late = false, click_timestamp = now()",
    "update raw_checkouts set late = false",
    "update raw_checkouts set revision = 1, user_id = 'x'",
    "update raw_refunds set amount = 0",
    "update conflicts set content = '{}'",
    "update dead_letters set reason = ''",
    "insert into schema_migrations (number, name, checksum) values (99, 'n', 'c')",
    "update schema_migrations set checksum = ''",
]
FORBIDDEN_TO_THE_ANALYST: list[LiteralString] = [
    "insert into users (user_id, first_seen, last_seen) values ('u', now(), now())",
    "update attributed_checkouts set click_id = null",
    "select from users for update",
    "lock table batches in share mode",
    "select data from dead_letters",
    "select count(*) from dead_letters",
    "select * from schema_migrations",
    "create temporary table mine (a int)",
    *(f"select {function}" for function in FUNCTIONS),
]


@pytest.fixture
def hidden(migrated: psycopg.Connection) -> None:
    """Creates a schema of another owner in the same database."""
    migrated.execute("create schema hidden; create table hidden.salaries as select 1 as amount")


@pytest.fixture
def log_in(postgres: Server, database: str, hidden: None) -> Iterator[LogIn]:
    """Yields a function that connects as a role."""
    connections: list[psycopg.Connection] = []

    def connect(role: str) -> psycopg.Connection:
        connections.append(psycopg.connect(postgres.url(database, role), autocommit=True))
        return connections[-1]

    yield connect
    for connection in connections:
        connection.close()


def refused_statements(connection: psycopg.Connection, statements: list[LiteralString]) -> list[LiteralString]:
    """Returns the statements that fail for lack of a privilege. Every statement is rolled back."""
    refused = []
    for statement in statements:
        try:
            with connection.transaction(force_rollback=True):
                # A read-only transaction would refuse the statement before its privileges are checked.
                connection.execute("set transaction read write")
                connection.execute(statement)
        except errors.InsufficientPrivilege:
            refused.append(statement)
    return refused


def removal_statements() -> list[LiteralString]:
    forms: list[LiteralString] = ["delete from {}", "truncate {}", "drop table {}"]
    statements: list[LiteralString] = [form.format(table) for form in forms for table in TABLES]
    return statements


@pytest.mark.parametrize(
    ("role", "forbidden_to_role"),
    [("pipeline_writer", FORBIDDEN_TO_THE_WRITER), ("pipeline_analyst", FORBIDDEN_TO_THE_ANALYST)],
)
def test_a_role_may_do_only_its_work(log_in: LogIn, role: str, forbidden_to_role: list[LiteralString]) -> None:
    removals = removal_statements()
    if role == "pipeline_writer":
        removals.remove("delete from batch_slices")
    statements = [*FORBIDDEN_TO_BOTH, *removals, *forbidden_to_role]
    assert refused_statements(log_in(role), statements) == statements


def test_the_writer_may_do_its_work(log_in: LogIn) -> None:
    statements: list[LiteralString] = [
        "select from dead_letters",
        "select max(number) from schema_migrations",
        "update raw_clicks set late = true",
        "update raw_checkouts set revision = 1, cancelled = true, total_amount = 0",
        "create temporary table staged (a int)",
        "lock table batches in access share mode",
        "delete from batch_slices",
        *(f"select {function}" for function in FUNCTIONS),
    ]
    assert refused_statements(log_in("pipeline_writer"), statements) == []


def test_the_analyst_reads_the_results(log_in: LogIn) -> None:
    connection = log_in("pipeline_analyst")
    for table in (*READABLE_BY_BOTH, *VIEWS):
        assert connection.execute(sql.SQL("select * from {}").format(sql.Identifier(table))).fetchall() == []


def test_an_analysts_transaction_is_read_only(log_in: LogIn) -> None:
    """Every login may create large objects, which could fill the disk."""
    with pytest.raises(errors.ReadOnlySqlTransaction):
        log_in("pipeline_analyst").execute("select lo_from_bytea(0, 'stored')")


@pytest.mark.parametrize("role", ["pipeline_writer", "pipeline_analyst"])
def test_a_login_starts_with_its_roles_statement_timeout(log_in: LogIn, role: str) -> None:
    setting = log_in(role).execute("select setting, unit, source from pg_settings where name = 'statement_timeout'")
    assert setting.fetchone() == ("300000", "ms", "user")


@pytest.mark.parametrize("role", ["pipeline_writer", "pipeline_analyst"])
def test_a_statement_over_its_roles_timeout_is_cancelled(
    log_in: LogIn, migrated: psycopg.Connection, role: str
) -> None:
    """Shortens the role's timeout for this database only."""
    shorter = sql.SQL("alter role {} in database {} set statement_timeout = '200ms'")
    migrated.execute(shorter.format(sql.Identifier(role), sql.Identifier(migrated.info.dbname)))
    connection = log_in(role)
    began = time.monotonic()
    with pytest.raises(errors.QueryCanceled, match="statement timeout"):
        connection.execute("select pg_sleep(30)")
    assert time.monotonic() - began < 10
    assert connection.execute("select 1").fetchone() == (1,)


def test_an_analysts_idle_transaction_is_ended(log_in: LogIn, migrated: psycopg.Connection) -> None:
    setting = log_in("pipeline_analyst").execute("show idle_in_transaction_session_timeout")
    assert setting.fetchone() == ("5min",)
    shorter = sql.SQL("alter role pipeline_analyst in database {} set idle_in_transaction_session_timeout = '200ms'")
    migrated.execute(shorter.format(sql.Identifier(migrated.info.dbname)))
    connection = log_in("pipeline_analyst")
    connection.execute("begin")
    session = "select 1 from pg_stat_activity where pid = %s"
    wait_until(lambda: migrated.execute(session, [connection.info.backend_pid]).fetchone() is None)
    with pytest.raises(errors.IdleInTransactionSessionTimeout):
        connection.execute("select 1")


@pytest.fixture
def stranger(postgres: Server, migrated: psycopg.Connection) -> Iterator[str]:
    """Yields a login role without any privileges."""
    password = sql.Literal(postgres.password)
    migrated.execute(sql.SQL("create role stranger login password {}").format(password))
    yield "stranger"
    migrated.execute("drop owned by stranger; drop role stranger")


def test_a_login_without_grants_cannot_connect(log_in: LogIn, stranger: str) -> None:
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        log_in(stranger)


def test_a_login_that_may_only_connect_can_access_nothing(
    log_in: LogIn, migrated: psycopg.Connection, stranger: str
) -> None:
    connect_only = sql.SQL("grant connect on database {} to stranger").format(sql.Identifier(migrated.info.dbname))
    migrated.execute(connect_only)
    migrated.execute("create function made_later() returns int language sql return 1")
    statements: list[LiteralString] = [
        *(f"select public.{function}" for function in FUNCTIONS),
        "select public.erase_user('u')",
        "select public.made_later()",
    ]
    migrated.execute("grant usage on schema public to stranger")
    assert refused_statements(log_in(stranger), statements) == statements
    migrated.execute("revoke usage on schema public from stranger")
    with pytest.raises(errors.InsufficientPrivilege, match="schema public"):
        log_in(stranger).execute("select from public.users")


def test_public_has_no_privileges(migrated: psycopg.Connection) -> None:
    granted = migrated.execute("""
        with access (name, privileges) as (
            select relname, coalesce(relacl, acldefault('r', relowner))
              from pg_class where relnamespace = 'public'::regnamespace
             union all
            select proname, coalesce(proacl, acldefault('f', proowner))
              from pg_proc where pronamespace = 'public'::regnamespace
             union all
            select 'schema', nspacl from pg_namespace where nspname = 'public'
             union all
            select 'database', datacl from pg_database where datname = current_database()
        )
        select name, privilege_type from access, aclexplode(privileges) where grantee = 0
    """)
    assert granted.fetchall() == []
