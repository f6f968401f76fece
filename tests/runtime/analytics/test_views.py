"""The analyst's views: known amounts, gaps, privileges and comments."""

from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest
from psycopg import sql

from runtime.analytics.refresh import refresh
from runtime.attribution_job.sink.postgres import PostgresSink
from tests.oracle import Checkout, Click, Event, Refund
from tests.runtime.analytics.shops import TRAFFIC, Shop, deliver
from tests.runtime.analytics.test_recomputed_views import VIEWS

HOUR = timedelta(hours=1)
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
DAY = NOON.date()
MODELS = 10


@pytest.fixture
def campaign(sink: PostgresSink, migrated: psycopg.Connection, refresher: psycopg.Connection) -> None:
    """Two checkouts over Paid Search and Email, one in EUR with a refund and one in USD, and spend on two days."""
    search, mail = TRAFFIC[2], TRAFFIC[5]
    events: list[Event] = [
        Click(NOON, "c1", "u1"),
        Click(NOON + HOUR, "c2", "u1"),
        Checkout(NOON + 2 * HOUR, "k1", "u1", "100.01"),
        Refund(NOON + 3 * HOUR, "r1", "k1", "50.00"),
        Click(NOON, "c3", "u2"),
        Checkout(NOON + HOUR, "k2", "u2", "10.00", "USD"),
    ]
    labels = {"c1": search, "c2": mail, "c3": search}
    deliver(sink, Shop(events, labels, {"k1": frozenset(), "k2": frozenset()}), events)
    migrated.execute("""
        insert into ad_spend values
            ('2026-11-23', 'Paid Search', 'brand', 30, 'EUR'), ('2026-11-23', 'Paid Search', 'brand', 10, 'USD'),
            ('2026-11-22', 'Display', '', 5, 'EUR');
        insert into exchange_rates values ('2026-11-20', 'USD', 0.5), ('2026-11-24', 'USD', 7)
    """)
    refresh(refresher)


def test_channel_performance_joins_credits_and_spend(campaign: None, analyst: psycopg.Connection) -> None:
    columns = "conversions, new_customers, gross_revenue, net_revenue, spend, roas, cpa, cac, aov"
    rows = analyst.execute(
        f"select day, channel, campaign, {columns} from channel_performance where model = 'linear'".encode()
    ).fetchall()
    amounts = {row[:3]: [None if number is None else float(number) for number in row[3:]] for row in rows}
    # The rate of the USD is that of the 20th: the one of the 24th is later.
    assert amounts == {
        (DAY, "Paid Search", "brand"): [1.5, 1.5, 55.01, 30.01, 35, 0.8574, 23.3333, 23.3333, 36.6733],
        (DAY, "Email", "weekly"): [0.5, 0.5, 50.0, 25.0, 0, None, 0, 0, 100],
        (date(2026, 11, 22), "Display", ""): [0, 0, 0, 0, 5, 0, None, None, None],
    }


def test_spend_without_credits_has_a_row_in_every_model(campaign: None, analyst: psycopg.Connection) -> None:
    rows = analyst.execute("select model from channel_performance where channel = 'Display' and spend = 5").fetchall()
    assert len(set(rows)) == len(rows) == MODELS


def test_the_models_share_the_same_total(campaign: None, analyst: psycopg.Connection) -> None:
    totals = analyst.execute(
        "select model, sum(conversions), sum(gross_revenue), sum(net_revenue), sum(spend)"
        " from channel_performance group by 1"
    ).fetchall()
    assert {tuple(map(float, row[1:])) for row in totals} == {(2, 105.01, 55.01, 40)}
    assert len(totals) == MODELS


def test_a_missing_exchange_rate_is_a_gap(
    campaign: None, migrated: psycopg.Connection, analyst: psycopg.Connection
) -> None:
    migrated.execute("delete from exchange_rates")
    rows = analyst.execute(
        "select channel, conversions, gross_revenue, net_revenue, spend, roas, cpa, aov from channel_performance"
        " where model = 'last_touch' and day = '2026-11-23'"
    ).fetchall()
    assert [row for row in rows if row[0] == "Paid Search"] == [("Paid Search", 1, None, None, None, None, None, None)]
    assert [float(row[2]) for row in rows if row[0] == "Email"] == [100.01]
    comparison = analyst.execute(
        "select last_touch, first_touch from model_comparison where channel = 'Paid Search' and measure = 'net_revenue'"
    ).fetchall()
    assert comparison == [(None, None)]


def test_the_reporting_currency_needs_no_rate(
    campaign: None, migrated: psycopg.Connection, analyst: psycopg.Connection
) -> None:
    migrated.execute("update analytics_settings set reporting_currency = 'USD'")
    query = "select currency, rate from reporting_rates where day = '2026-11-23' order by 1"
    assert analyst.execute(query).fetchall() == [("EUR", None), ("USD", 1)]


def test_model_comparison_has_every_model_beside_the_others(campaign: None, analyst: psycopg.Connection) -> None:
    query = "select channel, first_touch, last_touch, linear from model_comparison where measure = 'net_revenue'"
    rows = {channel: tuple(map(float, amounts)) for channel, *amounts in analyst.execute(query)}
    assert rows == {"Paid Search": (55.01, 5, 30.01), "Email": (0, 50.01, 25), "Display": (0, 0, 0)}


def test_the_analyst_reads_the_views_and_not_what_they_are_made_of(analyst: psycopg.Connection) -> None:
    for view in (*VIEWS, "traffic_channels"):
        analyst.execute(sql.SQL("select * from {}").format(sql.Identifier(view)))
    for table in ("checkout_paths", "touch_credits", "daily_credits", "changed_checkouts", "refresh_state"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            analyst.execute(sql.SQL("select * from {}").format(sql.Identifier(table)))


def test_everything_that_the_analyst_reads_has_comments(migrated: psycopg.Connection) -> None:
    uncommented = migrated.execute("""
        select c.relname, a.attname
          from pg_class c
          join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
         where c.relkind in ('r', 'v') and c.relnamespace = 'public'::regnamespace
           and has_table_privilege('pipeline_analyst', c.oid, 'select')
           and (col_description(c.oid, a.attnum) is null or obj_description(c.oid, 'pg_class') is null)
           and c.relname not in ('raw_clicks', 'raw_checkouts', 'raw_refunds', 'attributed_checkouts', 'users',
                                 'batches', 'conflicts')
    """)
    assert uncommented.fetchall() == []
