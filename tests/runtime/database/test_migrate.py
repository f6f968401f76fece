import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from local.servers import postgres as embedded
from runtime.database.migrate import NEW_TRANSACTION, Migration, MigrationError, migrate, read_migrations, set_password
from tests.waiting import wait_until

ONE = Migration(number=1, name="0001_one.sql", statements="create table one (a int)")
TWO = Migration(number=2, name="0002_two.sql", statements="create table two (a int)")
BROKEN = Migration(number=2, name="0002_broken.sql", statements="create table two (a int); select 1 / 0")


def tables(connection: psycopg.Connection) -> set[str]:
    rows = connection.execute("select tablename from pg_tables where schemaname = 'public'")
    return {row[0] for row in rows} - {"schema_migrations"}


def test_each_file_is_applied_once_and_in_order(empty_database: psycopg.Connection) -> None:
    assert migrate(empty_database, [ONE]) == ["0001_one.sql"]
    assert migrate(empty_database, [ONE, TWO]) == ["0002_two.sql"]
    assert migrate(empty_database, [ONE, TWO]) == []
    assert tables(empty_database) == {"one", "two"}


def test_a_changed_applied_file_is_refused_with_its_name(empty_database: psycopg.Connection) -> None:
    migrate(empty_database, [ONE])
    with pytest.raises(MigrationError, match=r"0001_one\.sql: changed"):
        migrate(empty_database, [replace(ONE, statements="create table one (b int)"), TWO])
    assert tables(empty_database) == {"one"}


def test_a_missing_applied_file_is_refused_with_its_name(empty_database: psycopg.Connection) -> None:
    migrate(empty_database, [ONE, TWO])
    with pytest.raises(MigrationError, match=r"0002_two\.sql: .*missing"):
        migrate(empty_database, [ONE])


def test_a_failing_file_is_named_and_leaves_the_database_unchanged(
    empty_database: psycopg.Connection,
) -> None:
    with pytest.raises(MigrationError, match=r"0002_broken\.sql: division by zero"):
        migrate(empty_database, [ONE, BROKEN])
    assert tables(empty_database) == set()
    assert migrate(empty_database, [ONE]) == ["0001_one.sql"]


def test_a_file_that_begins_a_new_transaction_lets_go_of_the_locks_of_those_before(
    empty_database: psycopg.Connection, connect: Callable[[], psycopg.Connection]
) -> None:
    long = replace(TWO, statements=NEW_TRANSACTION + "create table two (a int); select pg_sleep(1)")
    last = Migration(number=3, name="0003_broken.sql", statements="create table three (a int); select 1 / 0")
    thread = threading.Thread(target=migrate, args=(connect(), [ONE, long]))
    thread.start()
    wait_until(lambda: "one" in tables(empty_database))
    with empty_database.transaction():
        empty_database.execute("lock table one in access exclusive mode nowait")
    assert tables(empty_database) == {"one"}
    thread.join()
    assert tables(empty_database) == {"one", "two"}
    with pytest.raises(MigrationError, match=r"0003_broken\.sql"):
        migrate(empty_database, [ONE, long, last, replace(BROKEN, number=4, name="0004.sql")])
    assert tables(empty_database) == {"one", "two"}


def test_concurrent_deployments_apply_each_file_once(
    empty_database: psycopg.Connection, connect: Callable[[], psycopg.Connection]
) -> None:
    slow = Migration(number=1, name="0001_slow.sql", statements="create table one (a int); select pg_sleep(0.3)")
    applied: list[str] = []
    threads = [threading.Thread(target=lambda: applied.extend(migrate(connect(), [slow]))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert applied == ["0001_slow.sql"]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["0001_one.sql", "0003_three.sql"], r"0003_three\.sql: expected number 0002"),
        (["0001_one.sql", "0001_uno.sql"], r"0001_uno\.sql: expected number 0002"),
        (["first.sql"], r"first\.sql: expected a name like 0001_tables\.sql"),
    ],
)
def test_a_misnumbered_or_misnamed_file_is_refused_with_its_name(
    tmp_path: Path, names: list[str], message: str
) -> None:
    for name in names:
        (tmp_path / name).write_text("select 1")
    with pytest.raises(MigrationError, match=message):
        read_migrations(tmp_path)


def test_a_set_password_works_and_is_not_in_the_statement_log(tmp_path: Path) -> None:
    with embedded.running(tmp_path) as server:
        with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
            migrate(connection)
            connection.execute("set log_statement = 'all'")
            set_password(connection, "pipeline_writer", "correct horse")
        log_text = (tmp_path / "data" / "server.log").read_text()
        assert "alter role" in log_text
        assert "correct horse" not in log_text
        url = f"postgresql://pipeline_writer@127.0.0.1:{server.port}/postgres"
        psycopg.connect(url, password="correct horse").close()


def test_only_login_roles_get_a_password(empty_database: psycopg.Connection) -> None:
    with pytest.raises(ValueError, match="postgres: expected one of pipeline_writer"):
        set_password(empty_database, "postgres", "x")
