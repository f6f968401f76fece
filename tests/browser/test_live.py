"""The live page shows a commit within two seconds, says when its source is away, and recovers by itself."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from local.servers import postgres as embedded
from tests.browser import shop
from tests.browser.conftest import Errors, context
from tests.browser.serving import Served, serving, settled
from tests.browser.shop import Shop

SECOND = 1_000
SHIFTS = """
window.shifts = 0;
new PerformanceObserver((list) => list.getEntries().forEach((entry) => { window.shifts += entry.value; }))
  .observe({ type: "layout-shift", buffered: false });
"""


@pytest.fixture
def orders(filled: Served) -> Iterator[Shop]:
    with shop.opened(filled.server, filled.database) as opened:
        yield opened


def test_a_new_event_is_visible_within_two_seconds_of_its_commit(page: Page, filled: Served, orders: Shop) -> None:
    page.goto(filled.address("live"))
    settled(page)
    delays = []
    for number in range(3):
        orders.write(orders.sale(datetime.now(UTC), product_id=f"the-new-one-{number}"))
        committed = time.monotonic()
        page.get_by_text(f"the-new-one-{number}").wait_for(timeout=10 * SECOND)
        delays.append(time.monotonic() - committed)
    assert max(delays) < 2, delays


def test_updates_do_not_move_the_layout(page: Page, filled: Served, orders: Shop) -> None:
    page.goto(filled.address("live"))
    settled(page)
    page.wait_for_timeout(SECOND)
    page.evaluate(SHIFTS)
    for number in range(4):
        orders.write(orders.present(datetime.now(UTC)) + orders.sale(datetime.now(UTC), product_id=f"moving-{number}"))
        page.get_by_text(f"moving-{number}").wait_for(timeout=10 * SECOND)
    # The ticker moves on purpose, and is a small part of the page.
    assert page.evaluate("window.shifts") < 0.05


def test_a_large_amount_stays_in_its_card(page: Page, filled: Served) -> None:
    page.set_viewport_size({"width": 1200, "height": 900})
    page.goto(filled.address("live"))
    settled(page)
    page.evaluate("document.querySelectorAll('.live-chart .latest').forEach((p) => { p.textContent = '€123,456'; })")
    sides = """(card) => [["h2", "right"], [".tools", "left"], [".tools", "right"], [":scope", "right"]].map(
      ([name, side]) => (name === ":scope" ? card : card.querySelector(name)).getBoundingClientRect()[side])"""
    for card in page.locator(".live-chart").all():
        places = card.evaluate(sides)
        assert places == sorted(places)


@pytest.mark.parametrize("width", [1280, 1440, 1920])
def test_the_headings_of_the_charts_are_whole(page: Page, filled: Served, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(filled.address("live"))
    settled(page)
    page.evaluate("document.querySelectorAll('.live-chart .latest').forEach((p) => { p.textContent = '1,243.5'; })")
    headings = page.locator(".live-chart h2").all()
    assert len(headings) == 4
    for heading in headings:
        assert heading.evaluate("(h2) => h2.scrollWidth <= h2.clientWidth"), heading.inner_text()


def test_a_hidden_figure_is_not_guessed(page: Page, empty: Served) -> None:
    page.goto(empty.address("live"))
    settled(page)
    assert set(page.locator(".large dd:visible, .small dd:visible").all_inner_texts()) == {"\u2013"}


def test_a_restart_of_the_database_is_shown_and_recovered(
    browser: Browser, errors: Errors, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    errors.tolerated.append("503")
    cluster = tmp_path_factory.mktemp("cluster")
    with embedded.running(cluster) as server:
        embedded.create_database(server, "page")
        with shop.opened(server, "page") as orders:
            orders.write(orders.sale(datetime.now(UTC), product_id="before-the-restart"))
        with serving(server, "page", tmp_path) as served, context(browser, errors) as opened:
            page = opened.new_page()
            page.goto(served.address("live"))
            page.get_by_text("before-the-restart").wait_for()
            embedded.stop(cluster)
            expect(page.locator("#connection")).to_contain_text("Database lost since", timeout=15 * SECOND)
            expect(page.get_by_role("status")).to_contain_text("The numbers are the last ones known")
            expect(page.get_by_text("before-the-restart")).to_be_visible()
            embedded.restart(cluster)
            expect(page.locator("#connection")).to_contain_text("Live", timeout=30 * SECOND)
            expect(page.get_by_role("status")).to_be_empty()
            with shop.opened(server, "page") as orders:
                orders.write(orders.sale(datetime.now(UTC), product_id="after-the-restart"))
            page.get_by_text("after-the-restart").wait_for(timeout=10 * SECOND)


def test_a_restart_of_the_page_is_shown_and_recovered(
    browser: Browser, errors: Errors, filled: Served, orders: Shop, tmp_path: Path
) -> None:
    errors.tolerated.append("net::ERR_")
    with context(browser, errors) as opened:
        page = opened.new_page()
        with serving(filled.server, filled.database, tmp_path) as served:
            page.goto(served.address("channels"))
            settled(page)
            rows = page.locator("tbody tr").count()
        expect(page.locator("#connection")).to_contain_text("Connection lost since", timeout=15 * SECOND)
        page.get_by_label("Device", exact=True).select_option("mobile")
        expect(page.locator(".panel.stale")).to_have_count(3)
        assert page.locator("tbody tr").count() == rows
        with serving(filled.server, filled.database, tmp_path, port=served.port):
            expect(page.locator("#connection")).to_contain_text("Live", timeout=30 * SECOND)
            expect(page.locator(".panel.stale")).to_have_count(0)
