"""Every page shows its data, says why it has none, and fits the screen."""

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Errors, context
from tests.browser.serving import PAGES, Served, settled

HAS_DRAWN = """canvas => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return data.some((value) => value !== 0);
}"""
PANELS = {"channels": 3, "journeys": 5, "customers": 4, "experiments": 1, "health": 7}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_shows_its_data(page: Page, filled: Served, name: str) -> None:
    page.goto(filled.address(name))
    settled(page)
    expect(page.get_by_role("heading", level=1)).to_have_text(name.capitalize())
    expect(page.locator(".panel")).to_have_count(PANELS.get(name, 0))
    expect(page.locator('nav a[aria-current="page"]')).to_have_text(name.capitalize())
    for canvas in page.locator("canvas").all():
        assert canvas.evaluate(HAS_DRAWN)
    # The shop has neither, which leaves these panels empty.
    may_be_empty = {"Anomalies", "Repaired events"}
    for panel in page.locator(".panel").all():
        if panel.get_by_role("heading").inner_text() not in may_be_empty:
            expect(panel.locator("tbody tr").first).to_be_attached()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_without_data_says_how_to_get_them(page: Page, empty: Served, name: str) -> None:
    page.goto(empty.address(name))
    settled(page)
    expect(page.get_by_text("Waiting for the first event")).to_be_visible()
    for panel in page.locator(".panel").all():
        message = panel.locator(".panel-message p")
        expect(message).to_have_count(2)
        assert all(text.strip() for text in message.all_inner_texts())


@pytest.mark.parametrize("width", [360, 3840])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_does_not_scroll_sideways(
    browser: Browser, errors: Errors, filled: Served, name: str, width: int
) -> None:
    with context(browser, errors, viewport={"width": width, "height": 800}) as opened:
        page = opened.new_page()
        page.goto(filled.address(name))
        settled(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_first_content_comes_within_a_second(page: Page, filled: Served) -> None:
    def first_paint() -> float:
        page.goto(filled.address("live"))
        settled(page)
        paint: float = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
        return paint

    assert min(first_paint() for _ in range(3)) < 1_000


def test_nothing_is_loaded_from_elsewhere(page: Page, filled: Served) -> None:
    hosts = set()
    page.on("request", lambda request: hosts.add(request.url.split("/")[2]))
    for name in PAGES:
        page.goto(filled.address(name))
        settled(page)
    assert hosts == {f"127.0.0.1:{filled.port}"}


def test_colours_follow_the_system_and_the_viewer(browser: Browser, errors: Errors, filled: Served) -> None:
    with context(browser, errors, color_scheme="dark") as opened:
        page = opened.new_page()
        page.goto(filled.address("channels"))
        ground = "getComputedStyle(document.body).backgroundColor"
        dark = page.evaluate(ground)
        page.get_by_role("button", name="Switch to light colours").click()
        light = page.evaluate(ground)
        page.reload()
        assert page.evaluate(ground) == light != dark
        expect(page.get_by_role("button", name="Switch to dark colours")).to_be_visible()


def test_a_channel_has_the_same_colour_on_all_pages(page: Page, filled: Served) -> None:
    colours = set()
    for name in ("live", "channels", "journeys"):
        page.goto(filled.address(name))
        settled(page)
        row = page.locator("tr:has(.swatch)", has_text="Paid Search").first
        colours.add(row.locator(".swatch").evaluate("node => getComputedStyle(node).backgroundColor"))
    assert len(colours) == 1


def test_times_name_the_zone_of_the_viewer(page: Page, filled: Served) -> None:
    page.goto(filled.address("live"))
    expect(page.locator("footer")).to_contain_text("Times in Europe/Berlin (CET). Days in UTC.")
