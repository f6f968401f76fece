"""The page works by keyboard and with a screen reader: no violation that axe-core finds, and definitions by focus."""

import pytest
from playwright.sync_api import Browser, Page, expect

from local.folder import PROJECT
from tests.browser.conftest import Errors, context
from tests.browser.serving import PAGES, Served, settled

AXE = (PROJECT / "node_modules" / "axe-core" / "axe.min.js").read_text()
VIOLATIONS = """async () => (await axe.run()).violations.map(({ id, nodes }) => {
  const places = nodes.map(({ html, any }) => `${html} ${any.map(({ message }) => message).join(" ")}`);
  return `${id}: ${places.join(" | ").slice(0, 600)}`;
})"""


def violations(page: Page) -> list[str]:
    # Evaluated, because the page's policy forbids scripts of others.
    page.evaluate(AXE)
    found: list[str] = page.evaluate(VIOLATIONS)
    return found


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_no_violation(browser: Browser, errors: Errors, filled: Served, name: str, colours: str) -> None:
    with context(browser, errors, color_scheme=colours) as opened:
        page = opened.new_page()
        page.goto(filled.address(name))
        settled(page)
        for table in page.locator("summary").all():
            table.click()
        assert violations(page) == []


@pytest.mark.parametrize("name", ["live", "experiments"])
def test_axe_finds_no_violation_without_data(page: Page, empty: Served, name: str) -> None:
    page.goto(empty.address(name))
    settled(page)
    assert violations(page) == []


def test_axe_finds_no_violation_on_a_narrow_screen(browser: Browser, errors: Errors, filled: Served) -> None:
    with context(browser, errors, viewport={"width": 360, "height": 740}) as opened:
        page = opened.new_page()
        page.goto(filled.address("channels"))
        settled(page)
        page.get_by_role("button", name="Campaigns: Paid Search").click()
        page.locator(".campaigns tbody th").first.wait_for()
        assert violations(page) == []


@pytest.mark.parametrize("name", ["live", "channels"])
def test_greyed_numbers_can_still_be_read(page: Page, filled: Served, name: str) -> None:
    page.goto(filled.address(name))
    settled(page)
    page.evaluate("document.body.dataset.state = 'lost'")
    assert violations(page) == []


def test_a_definition_is_reached_by_keyboard(page: Page, filled: Served) -> None:
    page.goto(filled.address("live"))
    term = page.get_by_role("button", name="Credited share")
    term.wait_for()
    while not term.evaluate("node => node === document.activeElement"):
        page.keyboard.press("Tab")
    tip = page.get_by_role("tooltip")
    expect(tip).to_be_visible()
    expect(term).to_have_accessible_description(tip.inner_text())
    page.keyboard.press("Escape")
    expect(tip).to_be_hidden()


def test_a_definition_is_shown_on_hover_and_stays_under_the_pointer(page: Page, filled: Served) -> None:
    page.goto(filled.address("channels"))
    settled(page)
    page.locator("th").get_by_role("button", name="ROAS").hover()
    tip = page.get_by_role("tooltip")
    expect(tip).to_contain_text("Return on ad spend")
    tip.hover()
    page.wait_for_timeout(400)
    expect(tip).to_be_visible()
    page.mouse.move(2, 2)
    expect(tip).to_be_hidden()


def test_the_skip_link_leads_to_the_content(page: Page, filled: Served) -> None:
    page.goto(filled.address("channels"))
    settled(page)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


def test_every_chart_has_a_text_and_a_table(page: Page, filled: Served) -> None:
    page.goto(filled.address("journeys"))
    settled(page)
    charts = page.locator(".panel:has(.chart)")
    expect(charts).to_have_count(3)
    for chart in charts.all():
        assert len(chart.get_by_role("img").get_attribute("aria-label") or "") > 40
        chart.locator("summary").click()
        expect(chart.locator("tbody tr").first).to_be_visible()
