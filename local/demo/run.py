"""The command demo: publishes a simulated shop's events, shows the pipeline live, and reconciles at the end."""

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from rich.console import Console
from rich.live import Live

from local import files
from local.demo import report, shop_inputs, view
from local.demo.figures import Reader
from local.folder import locked
from local.page.process import PageProcess
from local.pipeline import deployed, undeployed, waiting
from local.pipeline.parts import Pipeline, Publishing, WatchedJob
from local.pipeline.refresh_process import PERIOD_SECONDS, RefreshProcess
from local.progress import bar, is_live
from local.reconciliation.comparison import Published, collect, reconcile
from local.reconciliation.readback import read_database, read_streams
from local.servers import class_archive, signals

DATABASE = "demo"
SERVER_VARIABLES = ("DATABASE_URL", "KINESIS_ENDPOINT_URL")
POLL_SECONDS = 0.2
LINE_SECONDS = 5


@dataclass(frozen=True, kw_only=True)
class Options:
    """Options of the command. `seconds`: duration of publishing; null: until Ctrl-C. `rate`: events per second."""

    seconds: float | None
    rate: float
    headless: bool
    report: Path | None


def run(options: Options, java_home: Path | None, console: Console) -> int:
    """Runs the demo and returns its exit status: 0 if nothing was lost, duplicated or wrong, else 1.

    Raises:
        InputError: the report cannot be written; see also `deployed.running` and `undeployed.running`.
        RunError: the generator or the job failed; see also `deployed.running` and `undeployed.running`.
    """
    if options.report:
        files.check_writable(options.report)
    began, start = datetime.now(UTC), time.monotonic()

    def say(text: str) -> None:
        console.print(f"[dim]{time.monotonic() - start:6.1f} s[/]  {text}", highlight=False, soft_wrap=True)

    with (
        locked("demo"),
        _page(say) as page,
        _pipeline(say, java_home) as parts,
        closing(Reader(parts.database_url)) as reader,
    ):
        page.connect(parts.database_url)
        _load_inputs(parts, say)
        say(f"publishing about {options.rate:g} events a second; the job reads them after its start")
        publisher = _publish(options, parts, reader, page=page, say=say, console=console)
        say("publishing has ended; reading the accepted records back from the streams")
        published = collect(read_streams(parts.kinesis, parts.streams))
        _wait_until_stored(published, parts, reader, console)
        parts.job.stop()
        if parts.refreshes:
            say("refreshing the attribution models a last time")
            parts.refreshes.finish()
        with psycopg.connect(parts.database_url, autocommit=True) as connection:
            result = reconcile(published, read_database(connection, parts.streams))
        missing = max(0, publisher.clicks + publisher.checkouts - published.records)
        result.add_lost(missing, f"{missing} records that the generator published and no stream holds")
        fields = report.json_fields(result, reader.update(at_once=True), parts.job.restarts, began)
    console.print(report.table(result, fields))
    if options.report:
        files.write_atomically(options.report, json.dumps(fields, indent=2).encode() + b"\n")
    return 0 if result.clean else 1


@contextmanager
def _page(say: Callable[[str], None]) -> Iterator[PageProcess]:
    """Serves the page from the beginning, and says where it is."""
    with PageProcess() as page:
        say(f"the page: {page.address}")
        yield page


def _load_inputs(parts: Pipeline[WatchedJob], say: Callable[[str], None]) -> None:
    with psycopg.connect(parts.database_url, autocommit=True) as connection:
        if shop_inputs.load(connection):
            say("loaded exchange rates and ad spend of the simulated shop")


def _pipeline(say: Callable[[str], None], java_home: Path | None) -> AbstractContextManager[Pipeline[WatchedJob]]:
    """Returns the deployed pipeline, or the undeployed one if the user names a server to use."""
    variables = [name for name in SERVER_VARIABLES if os.environ.get(name)]
    if not variables:
        return deployed.running(say, java_home=java_home)
    say(f"using {' and '.join(variables)}; nothing is deployed")
    return _undeployed(say, java_home)


@contextmanager
def _undeployed(say: Callable[[str], None], java_home: Path | None) -> Iterator[Pipeline[WatchedJob]]:
    options = class_archive.java_options()
    with (
        undeployed.running(DATABASE, say, java_home=java_home, java_options=options, keep_database=False) as parts,
        RefreshProcess(parts.database_url) as refreshes,
    ):
        say(f"the attribution models are refreshed every {PERIOD_SECONDS} s; the log: {refreshes.log_file}")
        yield replace(parts, refreshes=refreshes)


def _publish(
    options: Options,
    parts: Pipeline[WatchedJob],
    reader: Reader,
    *,
    page: PageProcess,
    say: Callable[[str], None],
    console: Console,
) -> Publishing:
    """Publishes until the time is over or Ctrl-C, and shows the pipeline's progress."""
    began = time.monotonic()
    live = is_live(console) and not options.headless
    screen = Live(console=console, screen=True, auto_refresh=False) if live else nullcontext()
    next_show = began
    with signals.graceful_stop() as stop_requested, screen, parts.publisher(options.rate) as publisher:
        while not stop_requested() and not _is_over(options, began):
            publisher.check()
            if parts.refreshes:
                parts.refreshes.check()
            if parts.job.keep_alive() and not live:
                say("the job died and was started again from its checkpoint")
            if time.monotonic() >= next_show:
                next_show += 1 if live else LINE_SECONDS
                moment = _moment(options, parts, reader, publisher, page=page, elapsed=time.monotonic() - began)
                if isinstance(screen, Live):
                    screen.update(view.Screen(moment), refresh=True)
                else:
                    say(view.line(moment))
            time.sleep(POLL_SECONDS)
    return publisher


def _is_over(options: Options, began: float) -> bool:
    return options.seconds is not None and time.monotonic() >= began + options.seconds


def _moment(
    options: Options,
    parts: Pipeline[WatchedJob],
    reader: Reader,
    publisher: Publishing,
    *,
    page: PageProcess,
    elapsed: float,
) -> view.Moment:
    return view.Moment(
        clicks=publisher.clicks,
        checkouts=publisher.checkouts,
        rate=publisher.rate,
        figures=reader.update(),
        batch=parts.job.batch,
        job_restarts=parts.job.restarts,
        failed_refreshes=parts.refreshes.failures if parts.refreshes else 0,
        page=page.address,
        page_failure=page.failure,
        elapsed=elapsed,
        length=options.seconds,
    )


def _wait_until_stored(published: Published, parts: Pipeline[WatchedJob], reader: Reader, console: Console) -> None:
    total = published.to_store
    with bar(console, "stored") as show:
        complete = waiting.wait_until_stored(
            total, reader.stored, parts.job.keep_alive, lambda stored: show(stored, total)
        )
    if not complete:
        console.print(
            f"Gave up waiting: no new row in {waiting.STALLED_SECONDS} s;"
            f" {reader.stored():,} of {total:,} records are in PostgreSQL;"
            f" {parts.job.where_to_look()}",
            markup=False,
        )
