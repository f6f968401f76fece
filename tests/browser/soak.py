"""Measures the page under many viewers, or for long: `make soak-dashboard ARGS="--viewers 50 --seconds 60"`."""

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread

from playwright.sync_api import Page, sync_playwright

from local.servers import postgres
from tests.browser import shop
from tests.browser.serving import Served, chromium, serving, settled

MOST_CPU = 0.25
# Growth beyond which memory is not flat: of the server, and of the page in the browser.
MOST_GROWTH = 16 * 1024 * 1024
SAMPLES = 10
# About as many events as in `make demo`: 100 a second, in two commits.
LOAD = {"pause": 0.5, "clicks": 30, "sales": 4}
TICKS = os.sysconf("SC_CLK_TCK")


def main(argv: Sequence[str]) -> int:
    arguments = _parser().parse_args(argv)
    with TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        with postgres.running(folder / "postgres") as server:
            postgres.create_database(server, "shop")
            shop.fill(server, "shop")
            with shop.opened(server, "shop") as present, serving(server, "shop", folder) as served:
                ended = Event()
                stream = Thread(target=present.stream, args=(ended,), kwargs=LOAD)
                stream.start()
                try:
                    return _measure(served, arguments.viewers, arguments.seconds)
                finally:
                    ended.set()
                    stream.join()


def _parser() -> argparse.ArgumentParser:
    soak = argparse.ArgumentParser(
        prog="python -m tests.browser.soak",
        description="Serves the page to viewers while events come in, and measures the server's CPU and memory, and"
        " the memory of the page in Chromium. Linux only.",
        epilog=f"exit status: 1 if the server took more than {MOST_CPU:.0%} of a core, or memory grew by more than"
        f" {MOST_GROWTH // 2**20} MB after the first tenth of the time",
    )
    soak.add_argument("--viewers", type=int, default=50, help="number of viewers, one of them Chromium (default: 50)")
    soak.add_argument("--seconds", type=int, default=60, help="duration (default: 60; 1800 for a test of memory)")
    return soak


def _measure(served: Served, viewers: int, seconds: int) -> int:
    counts = [0] * (viewers - 1)
    others = Thread(target=lambda: asyncio.run(_watch(served.port, counts, seconds + 30)), daemon=True)
    with sync_playwright() as playwright:
        browser = chromium(playwright)
        page = browser.new_page()
        page.goto(served.address("live"))
        settled(page)
        others.start()
        page.wait_for_timeout(3_000)
        cpu, began = _cpu_seconds(served), time.monotonic()
        samples = []
        for number in range(1, SAMPLES + 1):
            page.wait_for_timeout(max(0, 1000 * (seconds * number / SAMPLES - (time.monotonic() - began))))
            samples.append((_resident(served), _heap(page)))
            print(
                f"{time.monotonic() - began:6.0f} s: server {samples[-1][0] / 2**20:.1f} MB,"
                f" page {samples[-1][1] / 2**20:.1f} MB",
                flush=True,
            )
        share = (_cpu_seconds(served) - cpu) / (time.monotonic() - began)
        browser.close()
    growth = [last - first for first, last in zip(samples[0], samples[-1], strict=True)]
    print(f"server: {share:.1%} of a core with {viewers} viewers")
    print(f"growth: server {growth[0] / 2**20:+.1f} MB, page {growth[1] / 2**20:+.1f} MB")
    print(f"snapshots of a viewer: {min(counts, default=0)} to {max(counts, default=0)}")
    return 1 if share > MOST_CPU or max(growth) > MOST_GROWTH or 0 in counts else 0


async def _watch(port: int, counts: list[int], seconds: float) -> None:
    """Reads the stream as many viewers do, and counts the snapshots of each."""

    async def view(number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**22)
        writer.write(f"GET /api/live HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        while line := await reader.readline():
            counts[number] += line.startswith(b"event: snapshot")
        writer.close()

    try:
        async with asyncio.timeout(seconds):
            await asyncio.gather(*(view(number) for number in range(len(counts))))
    except TimeoutError:
        pass


def _cpu_seconds(served: Served) -> float:
    # Fields 14 and 15 of proc(5) are the user and system time, in ticks. Field 2 ends with the last parenthesis.
    fields = Path(f"/proc/{served.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _resident(served: Served) -> int:
    return int(Path(f"/proc/{served.process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _heap(page: Page) -> int:
    """Returns the bytes of the page's objects after a garbage collection."""
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    used = session.send("Runtime.getHeapUsage")["usedSize"]
    session.detach()
    return int(used)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
