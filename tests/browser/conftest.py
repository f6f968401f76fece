"""Fixtures of the tests in a real browser: Chromium, servers of the page, and databases with and without data.

A test fails when the page writes an error to the console, throws one, or breaks its Content-Security-Policy.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Dialog, Page, sync_playwright

from local.servers import postgres as embedded
from local.servers.postgres import Server
from tests.browser import shop
from tests.browser.serving import Served, chromium, serving

MISSING = "chromium is not installed (Debian, Ubuntu: apt-get install chromium)"
DESKTOP = {"width": 1440, "height": 900}
# Reports a blocked script or style like any other error.
REPORT_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`blocked by the policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if shutil.which("chromium") is None:
        for item in items:
            if Path(__file__).parent in item.path.parents and "browser" in getattr(item, "fixturenames", ()):
                item.add_marker(pytest.mark.skip(reason=MISSING))


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with embedded.running(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture(scope="session")
def filled(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server of the page over a shop with history."""
    embedded.create_database(postgres, "filled")
    shop.fill(postgres, "filled")
    with serving(postgres, "filled", tmp_path_factory.mktemp("filled")) as served:
        yield served


@pytest.fixture(scope="session")
def empty(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server of the page over a database without events."""
    embedded.create_database(postgres, "empty")
    with serving(postgres, "empty", tmp_path_factory.mktemp("empty")) as served:
        yield served


# One a module: Playwright's event loop in this thread excludes asyncio.run, which other tests of the process need.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = chromium(playwright)
        yield browser
        browser.close()


class Errors(list[str]):
    """Errors and violations that the browser reports. `tolerated`: parts of texts that a test expects."""

    def __init__(self) -> None:
        super().__init__()
        self.tolerated: list[str] = []

    def unexpected(self) -> list[str]:
        return [text for text in self if not any(part in text for part in self.tolerated)]


@pytest.fixture
def errors() -> Errors:
    return Errors()


@contextmanager
def context(browser: Browser, errors: Errors, **options: object) -> Iterator[BrowserContext]:
    settings = {"viewport": DESKTOP, "locale": "en-GB", "timezone_id": "Europe/Berlin"} | options

    def dismiss(dialog: Dialog) -> None:
        errors.append(f"a dialog: {dialog.message}")
        dialog.dismiss()

    opened = browser.new_context(**settings)  # type: ignore[arg-type]
    opened.add_init_script(REPORT_VIOLATIONS)
    opened.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    opened.on("weberror", lambda error: errors.append(str(error.error)))
    opened.on("dialog", dismiss)
    yield opened
    opened.close()
    assert errors.unexpected() == []


@pytest.fixture
def page(browser: Browser, errors: Errors) -> Iterator[Page]:
    """A page of a desktop's size, with light colours."""
    with context(browser, errors) as opened:
        yield opened.new_page()
