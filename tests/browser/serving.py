"""Servers of the page, and the browser that shows it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, Playwright

from local.servers import processes
from local.servers.postgres import Server

PAGES = ("live", "channels", "journeys", "customers", "experiments", "health")


@dataclass(frozen=True)
class Served:
    """A running server of the page over a database."""

    port: int
    process: "subprocess.Popen[bytes]"
    server: Server
    database: str

    def address(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}/{path}"


@contextmanager
def serving(server: Server, database: str, folder: Path, port: int | None = None) -> Iterator[Served]:
    """Yields the page of a database, read as the analyst."""
    port = port or processes.free_port()
    environment = {**os.environ, "DATABASE_URL": server.url(database, "pipeline_analyst")}
    command = [sys.executable, "-m", "runtime.dashboard", "--port", str(port)]
    log = folder / "page.log"
    with processes.child(command, environment=environment, log_file=log) as process:
        assert processes.wait_until_listening(port, 60, lambda: process.poll() is None), log.read_text()
        yield Served(port, process, server, database)


def chromium(playwright: Playwright) -> Browser:
    """Starts Debian's Chromium, which Playwright does not download."""
    # Chromium's sandbox needs a user that is not root.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    return playwright.chromium.launch(executable_path=shutil.which("chromium"), args=arguments)


def settled(page: Page) -> Page:
    """Waits until the live stream has spoken and all panels of the page have loaded."""
    page.wait_for_function(
        """() => document.body.dataset.state !== "connecting"
          && (document.querySelector(".page.live") || document.querySelector(".panel"))
          && document.querySelectorAll('.panel[aria-busy="true"]').length === 0"""
    )
    # Charts are drawn when the library has been loaded.
    page.wait_for_function("() => window.echarts?.init")
    return page
