"""Fixtures of the page's tests: a server over a real database, and requests to it."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from local.servers import postgres as embedded
from local.servers import processes
from local.servers.postgres import Server
from tests.runtime.analytics.conftest import Logins, open_sink
from tests.runtime.dashboard.browser import Page

Open = Callable[[str], Page]


@pytest.fixture
def logins(postgres: Server, database: str, migrated: psycopg.Connection) -> Iterator[Logins]:
    with ExitStack() as stack:
        sink = stack.enter_context(open_sink(postgres, database))
        refresher, analyst = (
            stack.enter_context(psycopg.connect(postgres.url(database, role), autocommit=True))
            for role in ("pipeline_analytics", "pipeline_analyst")
        )
        yield Logins(sink, migrated, refresher, analyst)


def serve(stack: ExitStack, folder: Path, url: str) -> Page:
    """Starts a server of the page over the database of a URL; over none yet if it is empty."""
    login = folder / "login"
    if url:
        login.write_text(url)
    port = processes.free_port()
    command = [sys.executable, "-m", "runtime.dashboard", f"--port={port}", f"--login-file={login}"]
    log_file = folder / "page.log"
    process = stack.enter_context(processes.child(command, environment=os.environ, log_file=log_file))
    assert processes.wait_until_listening(port, 60, lambda: process.poll() is None), log_file.read_text()
    return Page(port, process, login, log_file)


@pytest.fixture
def open_page(tmp_path: Path) -> Iterator[Open]:
    """Starts a server of the page over the database of a URL."""
    with ExitStack() as stack:
        yield lambda url: serve(stack, tmp_path, url)


@pytest.fixture
def page(open_page: Open, postgres: Server, migrated: psycopg.Connection) -> Page:
    """A page over a database with all migrations, and the analyst's login."""
    return open_page(postgres.url(migrated.info.dbname, "pipeline_analyst"))


@pytest.fixture(scope="module")
def empty_page(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A page over a database without events, for all tests of a module."""
    embedded.create_database(postgres, "without_events")
    with ExitStack() as stack:
        stack.callback(embedded.drop_database, postgres, "without_events")
        yield serve(stack, tmp_path_factory.mktemp("page"), postgres.url("without_events", "pipeline_analyst"))


@pytest.fixture
def url(postgres: Server, database: str) -> str:
    return postgres.url(database, "pipeline_analyst")
