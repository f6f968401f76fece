"""A small bar chart of block characters."""

from collections.abc import Sequence

from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.style import Style

EIGHTHS = " ▁▂▃▄▅▆▇█"
MAX_BAR_WIDTH = 5
BAR = Style.parse("cyan")
LABEL = Style.parse("dim")


class Chart:
    """One bar for each of `values`, scaled to the available space. The axis labels are in `unit`."""

    def __init__(self, values: Sequence[int], unit: str) -> None:
        self._values = values
        self._unit = unit

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        height = max(1, options.height or 1)
        highest = max(self._values, default=0) or 1
        labels = [f"{highest:,} {self._unit}"] + [""] * (height - 2) + [f"0 {self._unit}"]
        gutter = len(labels[0]) + 1
        shown = self._values[-(options.max_width - gutter) :]
        width = min(MAX_BAR_WIDTH, max(1, (options.max_width - gutter) // max(1, len(shown))))
        for row in range(height):
            cells = (_cell(value / highest * height, height - 1 - row) for value in shown)
            bars = "".join((cell * (width - 1) + " ") if width > 1 else cell for cell in cells)
            yield Segment(f"{labels[row]:>{gutter - 1}} ", LABEL)
            yield Segment(bars, BAR)
            yield Segment.line()


def _cell(value: float, floor: int) -> str:
    """Returns the part of a bar of height `value` that lies in the row from `floor` to `floor + 1`."""
    return EIGHTHS[min(8, max(0, round((value - floor) * 8)))]
