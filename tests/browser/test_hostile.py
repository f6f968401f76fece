"""Text of events is shown as text, whatever it says, and does not break the page."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from playwright.sync_api import Browser, Page, expect

from local.servers import postgres as embedded
from local.servers.postgres import Server
from tests.browser import shop
from tests.browser.conftest import Errors, context
from tests.browser.serving import PAGES, Served, serving, settled
from tests.runtime.attribution_job.sink.rows import dead_letter_row

SCRIPT = "<script>window.hacked = true</script>"
IMAGE = "<img src=x onerror='window.hacked = true'>\"'`"
RIGHT_TO_LEFT = "\u202eتسوق الآن\u202e"
LONG = "x" * 10_000
TEXTS = (SCRIPT, IMAGE, RIGHT_TO_LEFT, LONG, "{bold|not a style} ${1+1} %s {{7*7}}", "=HYPERLINK(1)", " \t\n ")


@pytest.fixture(scope="module")
def hostile(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A shop whose labels, products, channels and refused records have hostile texts."""
    embedded.create_database(postgres, "hostile")
    now = datetime.now(UTC)
    with psycopg.connect(postgres.url("hostile"), autocommit=True) as owner, shop.opened(postgres, "hostile") as orders:
        for number, text in enumerate(TEXTS[:3]):
            # Channels are named by people with access to the database, who can err too.
            owner.execute(
                "insert into channel_rules (priority, campaign, channel, is_paid) values (%s, %s, %s, true)",
                (number, f"^rule-{number}$", text),
            )
        for number, text in enumerate(TEXTS):
            labels = dict.fromkeys(
                ("utm_source", "utm_medium", "utm_campaign", "product_id", "page_url", "device_type", "referrer"), text
            )
            at = now - timedelta(seconds=number)
            refused = dead_letter_row(number, text[:100], text.encode(), at)
            ruled = orders.sale(at, utm_campaign=f"rule-{number}", device_type=text)
            orders.write([*orders.sale(at, **labels), *ruled, refused])
        orders.refresh()
    with serving(postgres, "hostile", tmp_path_factory.mktemp("hostile")) as served:
        yield served


@pytest.mark.parametrize("width", [1440, 360])
def test_hostile_text_is_only_text(browser: Browser, errors: Errors, hostile: Served, width: int) -> None:
    with context(browser, errors, viewport={"width": width, "height": 800}) as opened:
        page = opened.new_page()
        for name in PAGES:
            page.goto(hostile.address(name))
            settled(page)
            for opener in page.locator("summary").all():
                opener.click()
            for opener in page.get_by_role("button", name="Campaigns:").all():
                opener.click()
            page.wait_for_load_state("networkidle") if name != "live" else None
            assert page.evaluate("window.hacked === undefined")
            assert page.locator("main script, main img").count() == 0
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name


def test_a_hostile_channel_is_shown_by_its_name(page: Page, hostile: Served) -> None:
    page.goto(hostile.address("channels"))
    settled(page)
    names = page.locator(".panel tbody th .name").all_inner_texts()
    assert SCRIPT in names
    assert IMAGE in names


def test_a_hostile_link_is_only_text(page: Page, hostile: Served, errors: Errors) -> None:
    errors.tolerated.append("400")
    page.goto(hostile.address("channels?channel=%3Cscript%3Ewindow.hacked=1%3C/script%3E&from=%3Cimg%3E&days=%00"))
    settled(page)
    expect(page.locator("option:checked", has_text="not in the data")).to_have_count(1)
    assert page.evaluate("window.hacked === undefined")
