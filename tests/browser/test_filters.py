"""Filters change the numbers and the address; a link and the back button restore them."""

import csv
import io
import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Errors
from tests.browser.serving import Served, settled


def conversions(page: Page) -> str:
    settled(page)
    return page.locator(".totals .figure", has_text="Conversions").locator(".value").inner_text()


def test_a_filter_changes_the_numbers_and_the_address(page: Page, filled: Served) -> None:
    page.goto(filled.address("channels"))
    everything = conversions(page)
    page.get_by_label("Device", exact=True).select_option("mobile")
    expect(page).to_have_url(filled.address("channels?device=mobile"))
    page.wait_for_function(
        "before => document.querySelectorAll('.totals .value')[1].textContent !== before", arg=everything
    )
    assert float(conversions(page)) < float(everything)


def test_the_back_button_undoes_a_choice(page: Page, filled: Served) -> None:
    page.goto(filled.address("channels"))
    everything = conversions(page)
    page.get_by_label("Period", exact=True).select_option("7")
    page.get_by_label("Currency", exact=True).select_option("USD")
    expect(page).to_have_url(filled.address("channels?days=7&currency=USD"))
    page.go_back()
    expect(page.get_by_label("Currency", exact=True)).to_have_value("")
    page.go_back()
    expect(page.get_by_label("Period", exact=True)).to_have_value("30")
    expect(page.locator(".totals .value").nth(1)).to_have_text(everything)


def test_the_model_that_is_shown_is_the_one_of_the_numbers(page: Page, filled: Served) -> None:
    page.goto(filled.address("channels"))
    default = conversions(page), page.get_by_label("Model", exact=True).input_value()
    page.goto(filled.address(f"channels?model={default[1]}"))
    assert (conversions(page), page.get_by_label("Model", exact=True).input_value()) == default
    rows = [
        page.request.get(filled.address(f"api/panels/performance{query}")).json()["rows"]
        for query in ("", f"?model={default[1]}", "?model=first_touch")
    ]
    assert rows[0] == rows[1] != rows[2]


def test_a_link_shows_the_same_view(page: Page, filled: Served) -> None:
    page.goto(filled.address("channels?channel=Email&model=linear&days=90&currency=EUR"))
    settled(page)
    chosen = {
        name: page.get_by_label(name, exact=True).input_value() for name in ("Channel", "Model", "Period", "Currency")
    }
    assert chosen == {"Channel": "Email", "Model": "linear", "Period": "90", "Currency": "EUR"}
    expect(page.locator(".panel", has_text="A row opens").locator("tbody th")).to_have_text(["Email"])


def test_filters_are_kept_between_pages(page: Page, filled: Served) -> None:
    page.goto(filled.address("channels?channel=Email"))
    page.get_by_role("link", name="Journeys").click()
    expect(page).to_have_url(filled.address("journeys?channel=Email"))
    expect(page.get_by_label("Channel", exact=True)).to_have_value("Email")
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("Channels")


def test_a_custom_period_is_in_the_address(page: Page, filled: Served) -> None:
    page.goto(filled.address("customers"))
    page.get_by_label("Period", exact=True).select_option("custom")
    page.get_by_label("From", exact=True).fill("2026-01-05")
    page.get_by_label("To", exact=True).fill("2026-01-07")
    expect(page).to_have_url(filled.address("customers?from=2026-01-05&to=2026-01-07"))
    expect(page.locator(".range")).to_have_text(re.compile("5.{1,3}7 Jan 2026, days in UTC"))


@pytest.mark.parametrize("query", ["channel=Carrier+pigeon", "device=<b>x", "currency=XTS"])
def test_an_unknown_value_in_a_link_is_shown(page: Page, filled: Served, query: str, errors: Errors) -> None:
    errors.tolerated.append("400")
    page.goto(filled.address(f"channels?{query}"))
    settled(page)
    expect(page.locator("option:checked", has_text="(not in the data)")).to_have_count(1)
    page.get_by_role("button", name="Clear filters").click()
    expect(page).to_have_url(filled.address("channels"))
    expect(page.locator(".panel tbody tr").first).to_be_visible()


def test_a_malformed_day_is_named(page: Page, filled: Served, errors: Errors) -> None:
    errors.tolerated.append("400")
    page.goto(filled.address("journeys?from=2026-13-01"))
    settled(page)
    expect(page.locator(".panel-message").first).to_contain_text("2026-13-01")


def test_a_csv_has_the_rows_of_the_panel(page: Page, filled: Served) -> None:
    page.goto(filled.address("channels?device=mobile&model=linear"))
    settled(page)
    panel = page.locator(".panel", has_text="A row opens")
    with page.expect_download() as download:
        panel.get_by_role("link", name="CSV").click()
    rows = list(csv.DictReader(io.StringIO(download.value.path().read_text("utf-8-sig"))))
    names = panel.locator("tbody th .name").all_inner_texts()
    assert sorted(next(iter(row.values())) for row in rows) == sorted(names)


def test_a_row_opens_its_campaigns(page: Page, filled: Served) -> None:
    page.goto(filled.address("channels"))
    settled(page)
    button = page.get_by_role("button", name="Campaigns: Paid Search")
    button.click()
    expect(page.get_by_role("button", name="Campaigns: Paid Search")).to_be_focused()
    expect(page.locator(".campaigns tbody th")).to_have_text(["brand-search", "generic"])


def test_a_table_sorts_by_its_headings(page: Page, filled: Served) -> None:
    page.goto(filled.address("channels"))
    settled(page)
    table = page.locator(".panel", has_text="A row opens").locator("table").first
    heading = table.get_by_role("columnheader", name="Channel")
    heading.get_by_role("button").click()
    expect(heading).to_have_attribute("aria-sort", "ascending")
    names = table.locator("tbody th .name").all_inner_texts()
    assert names == sorted(names)


def test_changes_are_told_with_sign_and_word(page: Page, filled: Served) -> None:
    page.goto(filled.address("channels"))
    settled(page)
    expect(page.locator(".totals .change").first).to_have_text(
        re.compile(r"^([+\u2212][\d,.]+% (more|less)|no change)$")
    )
    expect(page.locator(".range")).to_contain_text("compared with")


def test_the_model_that_is_shown_is_the_one_that_credits(page: Page, filled: Served) -> None:
    """Without a model in the address, the page and its server mean the same one."""

    def totals() -> list[str]:
        settled(page)
        return (
            page.locator(".panel", has_text="A row opens").locator("table").first.locator("tbody tr").all_inner_texts()
        )

    page.goto(filled.address("channels"))
    unnamed = totals()
    shown = page.locator("#filter-model").input_value()
    page.goto(filled.address(f"channels?model={shown}"))
    assert totals() == unnamed
