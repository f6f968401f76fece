"""Privileges of the login that refreshes the models, tested by logging in."""

from typing import LiteralString

import psycopg
import pytest
from psycopg import errors

FORBIDDEN: list[LiteralString] = [
    "select from dead_letters",
    "select from users",
    "select from conflicts",
    "insert into quality_rules (name) values ('a')",
    "update quality_rules set query = 'select 0'",
    "update batches set late = 0",
    "select from attributed_checkouts",
    "select from schema_migrations",
    "insert into raw_clicks (click_id, user_id, click_timestamp, arrived_at) values ('c', 'u', now(), now())",
    "update raw_checkouts set total_amount = 0",
    "delete from raw_refunds",
    "update analytics_settings set look_back = '1 day'",
    "update currency_units set digits = 0",
    "drop table daily_credits",
    "alter table daily_credits add column x int",
    "create table mine (a int)",
    "select * from erase_user('u')",
    "select attribute(array['k'])",
    "set role postgres",
]
TABLES_OF_THE_MODELS: list[LiteralString] = [
    "select from touch_credits", "select from all_credits", "select from model_weights", "delete from checkout_paths",
    "delete from channel_rules", "insert into exchange_rates values ('2026-11-23', 'USD', 1)",
    "delete from ad_spend", "select from analytics_settings", "create temporary table mine (a int)",
]  # fmt: skip


def refused(connection: psycopg.Connection, statements: list[LiteralString]) -> list[LiteralString]:
    """Returns the statements that fail for lack of a privilege. Every statement is rolled back."""
    without_privilege = []
    for statement in statements:
        try:
            with connection.transaction(force_rollback=True):
                connection.execute(statement)
        except errors.InsufficientPrivilege:
            without_privilege.append(statement)
    return without_privilege


def test_the_refreshing_login_may_do_only_its_work(refresher: psycopg.Connection) -> None:
    assert refused(refresher, FORBIDDEN) == FORBIDDEN
    assert refused(refresher, TABLES_OF_THE_MODELS) == []


@pytest.mark.parametrize("role", ["pipeline_writer", "pipeline_analyst"])
def test_no_other_login_writes_the_tables_of_the_models(migrated: psycopg.Connection, role: str) -> None:
    writable = migrated.execute(
        """
        select c.relname
          from pg_class c
         where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
           and has_table_privilege('pipeline_analytics', c.oid, 'insert')
           and has_table_privilege(%s, c.oid, 'insert, update, delete, truncate')
        """,
        [role],
    )
    assert writable.fetchall() == []


def test_the_refreshing_login_starts_with_a_statement_timeout(refresher: psycopg.Connection) -> None:
    assert refresher.execute("show statement_timeout").fetchone() == ("5min",)
