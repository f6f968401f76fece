"""The live view of the demo, and its plain form in one line."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.layout import Layout
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from local.demo.chart import Chart
from local.demo.figures import Channel, Figures, Percentiles

BAR = "█"
# Least height of the terminal, in lines, at which the chart is shown.
CHART_HEIGHT = 30
# Reasons of refusals that leave room for those of repairs.
MOST_REASONS = 5


@dataclass(frozen=True, kw_only=True)
class Moment:
    """The state of the demo at one time. `batch`: the job's last log line about a micro-batch.

    `page`: address of the page. `page_failure`: why it is not served; null while it is.

    `elapsed`, `length`: seconds of publishing so far and in total; null: until Ctrl-C.
    """

    clicks: int
    checkouts: int
    rate: float
    figures: Figures
    batch: Mapping[str, Any] | None
    job_restarts: int
    failed_refreshes: int
    page: str
    page_failure: str | None
    elapsed: float
    length: float | None


class Screen:
    """The live view of a moment, laid out for the current size of the terminal."""

    def __init__(self, moment: Moment) -> None:
        self._moment = moment

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        moment = self._moment
        layout = Layout()
        show_chart = options.max_height >= CHART_HEIGHT
        layout.split_column(
            Layout(_header(moment), size=1),
            Layout(name="numbers", size=9),
            Layout(name="details", size=12 if show_chart else None),
            Layout(name="chart", visible=show_chart),
            Layout(_footer(), size=1),
        )
        layout["numbers"].split_row(
            Layout(_panel("events", _pairs(_events(moment)))),
            Layout(_panel("checkouts", _pairs(_checkouts(moment)))),
            Layout(_panel("job", _pairs(_job(moment)))),
        )
        layout["details"].split_row(
            Layout(_panel("revenue by first-click channel", _channels(moment.figures)), ratio=2),
            Layout(_panel("refused -, repaired ~", _accounts(moment.figures))),
        )
        if show_chart:
            chart = Chart(moment.figures.recent_p99, "ms")
            layout["chart"].update(_panel("put to row, p99 of what came in at each look, last minute", chart))
        yield from console.render(layout, options)


def line(moment: Moment) -> str:
    """Returns the main figures of a moment in one line."""
    figures = moment.figures
    return (
        f"published {moment.clicks + moment.checkouts:,}, stored {figures.stored:,},"
        f" checkouts {figures.checkouts:,}, credited {figures.credited:,}, late {figures.late:,},"
        f" refunds {figures.refunds:,}, dead-lettered {sum(figures.dead_letters.values()):,},"
        f" repaired {sum(figures.repairs.values()):,}, batch {_figure(moment.batch, 'batch_ms')} ms,"
        f" p50 {ms(figures.last_minute['p50'])}, p99 {ms(figures.last_minute['p99'])}"
        + (f", failed refreshes {moment.failed_refreshes:,}" if moment.failed_refreshes else "")
        + (f", {moment.page_failure}" if moment.page_failure else "")
    )


def _header(moment: Moment) -> Table:
    grid = Table.grid(expand=True)
    grid.add_column()
    grid.add_column(justify="right")
    total = f" of {_clock(moment.length)}" if moment.length else ""
    grid.add_row(
        Text.assemble((" First-click attribution, live", "bold"), "   ", _page(moment)),
        Text(f"{_clock(moment.elapsed)}{total} ", style="bold"),
    )
    return grid


def _page(moment: Moment) -> Text:
    return Text(moment.page_failure, style="red") if moment.page_failure else Text(moment.page, style="cyan underline")


def _footer() -> Text:
    return Text(" Ctrl-C: stop publishing, let the job finish, reconcile; twice: end at once", style="dim")


def _events(moment: Moment) -> list[tuple[str, str]]:
    figures = moment.figures
    return [
        ("records in", f"{moment.clicks + moment.checkouts:,}"),
        ("on the way", f"{max(0, moment.clicks + moment.checkouts - figures.records):,}"),
        ("per second", f"{moment.rate:,.0f}"),
        ("events stored", f"{figures.stored:,}"),
        ("conflicts", f"{figures.conflicts:,}"),
        ("late", f"{figures.late:,}"),
        ("dead-lettered", f"{sum(figures.dead_letters.values()):,}"),
    ]


def _checkouts(moment: Moment) -> list[tuple[str, str]]:
    figures = moment.figures
    return [
        ("stored", f"{figures.checkouts:,}"),
        ("credited", f"{figures.credited:,}"),
        ("unattributed", f"{figures.unattributed:,}"),
        ("refunds", f"{figures.refunds:,}"),
        ("put to row, s", " p50  p99"),
        (" last minute", _both(figures.last_minute)),
        (" overall", _both(figures.overall)),
    ]


def _job(moment: Moment) -> list[tuple[str, str]]:
    batch = moment.batch
    return [
        ("state", "running" if batch else "starting"),
        ("restarts", str(moment.job_restarts)),
        ("batch", f"{_figure(batch, 'batch_id')}"),
        ("batch time", f"{_figure(batch, 'batch_ms')} ms"),
        ("watermark lag", seconds(batch.get("watermark_lag_seconds") if batch else None)),
        ("state rows", f"{_figure(batch, 'state_rows')}"),
        ("failed refreshes", f"{moment.failed_refreshes:,}"),
    ]


def _channels(figures: Figures) -> Table:
    grid = Table.grid(expand=True, padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column(ratio=1, no_wrap=True)
    if not figures.channels:
        grid.add_row(Text("the job is starting: first rows in about 20 seconds", style="dim"))
    highest_revenue = max((channel.revenue for channel in figures.channels), default=0) or 1
    for channel in figures.channels:
        bar = Text(BAR * max(1, round(12 * channel.revenue / highest_revenue)), overflow="crop")
        bar.stylize("cyan" if channel.credited else "dim")
        grid.add_row(_name(channel), f"{channel.checkouts:,}", f"{channel.revenue:,.0f}", bar)
    return grid


def _name(channel: Channel) -> str:
    if not channel.credited:
        return "unattributed"
    if channel.source is None:
        return "direct"
    return f"{channel.source} / {channel.medium or '-'}"


def _accounts(figures: Figures) -> Table:
    """Returns the most frequent reasons of refusals, and then those of repairs."""
    grid = Table.grid(expand=True, padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    for sign, reasons in (("-", figures.dead_letters), ("~", figures.repairs)):
        for reason, count in list(reasons.items())[:MOST_REASONS]:
            grid.add_row(sign, f"{count:,}", Text(reason))
    return grid


def _pairs(rows: Iterable[tuple[str, str]]) -> Table:
    grid = Table.grid(expand=True)
    grid.add_column(no_wrap=True, style="dim")
    grid.add_column(justify="right", no_wrap=True, style="bold")
    for name, value in rows:
        grid.add_row(name, value)
    return grid


def _panel(title: str, content: RenderableType) -> Panel:
    return Panel(content, title=title, title_align="left", box=box.ROUNDED, border_style="blue")


def _figure(batch: Mapping[str, Any] | None, name: str) -> str:
    value = batch.get(name) if batch else None
    return "-" if value is None else f"{value:,}"


def ms(value: int | None) -> str:
    return "-" if value is None else f"{value:,} ms"


def _both(values: Percentiles) -> str:
    return " ".join("   -" if value is None else f"{value / 1000:.2f}" for value in (values["p50"], values["p99"]))


def seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:,.1f} s"


def _clock(seconds: float) -> str:
    minutes, seconds_left = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds_left:02}" if hours else f"{minutes:02}:{seconds_left:02}"
