"""Every query of docs/analytics.md runs as the analyst, and gives rows for a shop with paths, spend and rates."""

import re
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from local.folder import PROJECT
from runtime.analytics.refresh import refresh
from tests.oracle import Checkout, Click, Event
from tests.runtime.analytics.conftest import Logins
from tests.runtime.analytics.shops import TRAFFIC, send

PAGES = ("analytics.md", "analytics-inputs.md")
TEXTS = [(PROJECT / "docs" / page).read_text() for page in PAGES]
QUERIES = [query for text in TEXTS for query in re.findall(r"```sql\n(.*?)```", text, re.DOTALL)]


@pytest.fixture
def shop(logins: Logins) -> None:
    """Writes clicks and checkouts of today, a robot's click, and more spend than a campaign brings."""
    now = datetime.now(UTC)
    now = max(now - timedelta(minutes=1), now.replace(hour=0, minute=0, second=0, microsecond=0))
    clicks: list[Event] = [Click(now, f"c{number}", "u") for number in range(5)]
    others: list[Event] = [
        Click(now, "robot", "v", is_bot=True), Checkout(now, "k", "u", "12.00"), Checkout(now, "l", "v", "3.00"),
    ]  # fmt: skip
    labels = {f"c{number}": TRAFFIC[number + 2]._replace(product="p1") for number in range(5)} | {"robot": TRAFFIC[0]}
    send(logins.sink, *clicks, *others, **labels)
    logins.owner.execute("insert into ad_spend values (current_date, 'Paid Search', 'brand', 99, 'EUR')")
    refresh(logins.refresher)


def test_the_page_has_queries() -> None:
    assert len(QUERIES) > 12


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_of_the_page_gives_rows(shop: None, analyst: psycopg.Connection, query: str) -> None:
    analyst.execute("set timezone = 'UTC'")
    assert analyst.execute(query.encode()).fetchall() != []
