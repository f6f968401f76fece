"""Panels of views whose columns are not known to the page. The answers stand in for the server's."""

import json
from typing import Any

from playwright.sync_api import Page, Route, expect

from tests.browser.serving import Served, settled

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
