"""Block-range indexes: the summaries that a minute of events asks for, and migration 33 on a database in use."""

import threading
from collections.abc import Callable

import psycopg

from runtime.database.migrate import migrate, read_migrations

FILES = read_migrations()[:33]
BEFORE = FILES[:32]
# NUM_WORKITEMS in src/backend/postmaster/autovacuum.c: a server keeps as many requests for summaries.
KEPT_REQUESTS = 256
# An autovacuum worker takes the requests once in so many seconds by default (`autovacuum_naptime`).
NAP_SECONDS = 60
CLICKS_PER_SECOND = 5000
CLICKS = 50_000
# Values as wide as those of the data generator.
STORE_CLICKS = """
insert into raw_clicks (click_id, user_id, session_id, product_id, page_url, utm_source, utm_medium, utm_campaign,
                        device_type, click_timestamp, arrived_at)
select md5(n::text), 'user-' || lpad(n::text, 7, '0'), 's-' || substr(md5(n::text), 1, 12), 'product-00001',
       'https://shop.example/products/product-00001', 'google', 'cpc', 'brand', 'mobile', now() + %(ahead)s, now()
  from generate_series(1, %(clicks)s) n
"""
# Each range without a summary is one that a writer has asked for, unless the range is the last.
SUMMARIZE = """
select sum(brin_summarize_new_values(i.indexrelid))
  from pg_index i join pg_class c on c.oid = i.indexrelid join pg_am a on a.oid = c.relam
 where a.amname = 'brin' and i.indrelid = to_regclass('raw_clicks_' || to_char(now() + %(ahead)s, 'YYYYMMDD'))
"""
TODAY, LATER = "0 days", "3 days"


def requests_in_a_nap(connection: psycopg.Connection, ahead: str) -> float:
    """Stores clicks of one day; returns the requests for summaries between two visits of autovacuum."""
    connection.execute("set timezone = 'UTC'")
    connection.execute(STORE_CLICKS, {"clicks": CLICKS, "ahead": ahead})
    (summaries,) = connection.execute(SUMMARIZE, {"ahead": ahead}).fetchone() or (None,)
    assert summaries
    return float(summaries) / CLICKS * CLICKS_PER_SECOND * NAP_SECONDS


def test_a_server_keeps_all_requests_for_summaries_of_5000_clicks_a_second(migrated: psycopg.Connection) -> None:
    assert requests_in_a_nap(migrated, TODAY) < KEPT_REQUESTS


def test_an_existing_database_gets_the_wider_ranges_with_its_next_days(empty_database: psycopg.Connection) -> None:
    migrate(empty_database, BEFORE)
    assert requests_in_a_nap(empty_database, TODAY) > KEPT_REQUESTS
    migrate(empty_database, FILES)
    empty_database.execute("select ensure_click_days(array[(now() + %s)::date])", [LATER])
    assert requests_in_a_nap(empty_database, LATER) < KEPT_REQUESTS
    assert empty_database.execute("select count(*) from raw_clicks").fetchone() == (2 * CLICKS,)


def test_the_migration_waits_for_an_open_transaction_and_holds_up_nobody(
    empty_database: psycopg.Connection, connect: Callable[[], psycopg.Connection]
) -> None:
    migrate(empty_database, BEFORE)
    with connect() as writer, connect() as reader:
        with writer.transaction():
            writer.execute(STORE_CLICKS, {"clicks": 1, "ahead": TODAY})
            migration = threading.Thread(target=migrate, args=(empty_database, FILES))
            migration.start()
            # Waits for a lock behind the migration for at most its 200 ms.
            reader.execute("set statement_timeout = '5s'")
            for _ in range(20):
                reader.execute("select count(*) from raw_clicks")
            assert migration.is_alive()
        migration.join(timeout=60)
        assert not migration.is_alive()
        assert reader.execute("select count(*) from schema_migrations").fetchone() == (33,)
