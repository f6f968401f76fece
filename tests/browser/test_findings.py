"""Anomalies of a shop, and panels whose answers stand in for the server's."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from playwright.sync_api import Page, Route, expect

from local.servers import postgres as embedded
from local.servers.postgres import Server
from runtime.analytics.refresh import refresh
from tests.browser.serving import Served, serving, settled
from tests.runtime.analytics.anomalies.stored_shop import send

FINDINGS = {
    "columns": [
        {"name": "series", "label": "Series", "unit": "text", "definition": "The series."},
        {"name": "from_time", "label": "From", "unit": "timestamp", "definition": None},
        {"name": "to_time", "label": "To", "unit": "timestamp", "definition": None},
        {"name": "is_over", "label": "Is over", "unit": "text", "definition": None},
        {"name": "score", "label": "Score", "unit": "ratio", "definition": "How far from the band."},
    ],
    "rows": [
        ["revenue, Email", "2026-11-24T10:00:00Z", "2026-11-24T16:00:00Z", True, "8.25"],
        ["clicks", "2026-11-25T09:00:00Z", None, False, "5.5"],
    ],
}
RESULTS = {
    "columns": [
        {"name": "experiment_id", "label": "Experiment", "unit": "text", "definition": None},
        {"name": "lift", "label": "Lift", "unit": "share", "definition": "Relative."},
        {"name": "details", "label": "Details", "unit": "text", "definition": None},
    ],
    "rows": [["one-page-checkout", "0.043", {"a": [1, 2]}], ["two", None, None]],
}


def answer(page: Page, panel: str, body: dict[str, Any]) -> None:
    rest = {"panel": panel, "as_of": None, "previous": None, "currency": "EUR", "note": None, "empty": None}

    def fulfil(route: Route) -> None:
        route.fulfill(body=json.dumps(rest | body), content_type="application/json")

    page.route(f"**/api/panels/{panel}*", fulfil)


@pytest.fixture(scope="module")
def outage(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server of the page over a shop that has sent no click for two hours."""
    embedded.create_database(postgres, "outage")
    until = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=2)
    with psycopg.connect(postgres.url("outage"), autocommit=True) as owner:
        send(owner, until - timedelta(days=25), until)
    with psycopg.connect(postgres.url("outage", "pipeline_analytics"), autocommit=True) as refresher:
        assert refresh(refresher).failed == ()
    with serving(postgres, "outage", tmp_path_factory.mktemp("outage")) as served:
        yield served


def test_an_outage_is_on_the_time_line_and_below_its_expected_range(page: Page, outage: Served) -> None:
    page.goto(outage.address("health"))
    settled(page)
    findings = page.get_by_role("region", name="Anomalies")
    expect(findings.get_by_role("img")).to_have_attribute(
        "aria-label", "3 findings in 3 series. All of them are in the table below."
    )
    expect(findings.locator("tbody tr")).to_have_count(3)
    panel = page.get_by_role("region", name="Expected and observed")
    expect(panel.locator("canvas")).to_be_visible()
    chart = panel.get_by_role("img")
    expect(chart).to_have_attribute("aria-label", re.compile("clicks in 72 hours, [12] of them with a finding"))
    panel.get_by_label("Series", exact=True).select_option("conversion_rate")
    expect(chart).to_have_attribute("aria-label", re.compile("conversion_rate in 7[0-2] hours, 0 of them"))


def test_anomalies_are_on_a_time_line_and_in_a_table(page: Page, filled: Served) -> None:
    answer(page, "anomalies", FINDINGS)
    page.goto(filled.address("health"))
    settled(page)
    panel = page.get_by_role("region", name="Anomalies")
    expect(panel.get_by_role("img")).to_have_attribute(
        "aria-label", "2 findings in 2 series. All of them are in the table below."
    )
    expect(panel.locator("canvas")).to_be_visible()
    expect(panel.locator("tbody tr").first).to_have_text("revenue, Email24 Nov, 11:00:0024 Nov, 17:00:00yes8.25")


def test_unknown_columns_have_a_table(page: Page, filled: Served) -> None:
    answer(page, "experiments", RESULTS)
    page.goto(filled.address("experiments"))
    settled(page)
    rows = page.get_by_role("region", name="Results").locator(".panel-body > div tbody tr")
    expect(rows).to_have_text(['one-page-checkout4.3%{"a":[1,2]}', "two\u2013unknown\u2013unknown"])


def test_a_missing_exchange_rate_is_named(page: Page, filled: Served) -> None:
    figures = {
        "revenue": {"value": None, "unit": "money", "label": "Revenue", "definition": None,
                    "note": "no exchange rate to EUR for AUD: load them with `make it so`"},
    }  # fmt: skip
    snapshot: dict[str, Any] = {
        "as_of": "2026-11-26T08:00:00Z", "status": "live", "since": None, "reason": None, "currency": "EUR",
        "figures": figures, "channels": [{"channel": "Email", "checkouts": 1, "revenue": None}], "ticker": [],
        "series": {"at": [], "events": [], "checkouts": [], "revenue": [], "p50_ms": [], "p99_ms": []},
    }  # fmt: skip
    body = f"event: snapshot\ndata: {json.dumps(snapshot)}\n\n"
    page.route("**/api/live", lambda route: route.fulfill(body=body, content_type="text/event-stream"))
    page.goto(filled.address("live"))
    revenue = page.locator(".figure.revenue")
    expect(revenue.locator("dd").first).to_have_text("\u2013")
    expect(revenue.locator("code")).to_have_text("make it so")
    expect(page.locator(".bars tbody tr")).to_have_text(["Email1\u2013"])
