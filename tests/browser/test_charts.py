"""The texts of the charts: inside the canvas, and apart from each other."""

from itertools import combinations
from typing import NamedTuple

import pytest
from playwright.sync_api import Locator, Page

from tests.browser.serving import PAGES, Served, settled

# Every text that ECharts has drawn, with its place on the canvas.
TEXTS = r"""
(node) => echarts.getInstanceByDom(node).getZr().storage.getDisplayList(true)
  .filter((shape) => shape.type === "tspan" && shape.style.text.trim() && !shape.invisible && shape.style.opacity !== 0)
  .map((shape) => {
    const place = shape.getBoundingRect().clone();
    const transform = shape.getComputedTransform();
    if (transform) place.applyTransform(transform);
    // ECharts takes the width of a Chinese character for the height, which is wrong without a font that has one.
    const [middle, height] = [place.y + place.height / 2, parseFloat(shape.style.font.match(/([\d.]+)px/)[1])];
    return [shape.style.text, place.x, middle - height / 2, place.x + place.width, middle + height / 2];
  })
"""
# Draws lines of ten minutes, which end at a full minute, in an element as wide as a card of the live page.
LINES = """
async (values) => {
  const { lineChart } = await import("/static/charts/lines.js");
  const card = document.createElement("div");
  card.id = "lines";
  card.style.width = "300px";
  document.querySelector("main").prepend(card);
  const series = ["p50", "p99"].slice(0, values.length).map((name) => ({ name, colour: (style) => style.accent }));
  const chart = lineChart(card, { series, unit: "ms", height: "live-height" });
  chart.update({ at: [new Date(2026, 0, 1, 10, 0), new Date(2026, 0, 1, 10, 10)], values }, "lines");
}
"""
# A font's size has some space above and below the letters.
TOLERATED_PIXELS = 3


class Text(NamedTuple):
    text: str
    left: float
    top: float
    right: float
    bottom: float

    def overlaps(self, other: "Text") -> bool:
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        return min(width, height) > TOLERATED_PIXELS


def texts_whole_and_apart(chart: Locator) -> set[str]:
    """Returns the texts of a chart, after the check of their places."""
    width, height = chart.evaluate("(node) => [node.clientWidth, node.clientHeight]")
    texts = [Text(*values) for values in chart.evaluate(TEXTS)]
    cut = [
        text for text in texts if min(text.left, text.top) < -1 or text.right > width + 1 or text.bottom > height + 1
    ]
    assert cut == [], (width, height)
    assert [pair for pair in combinations(texts, 2) if pair[0].overlaps(pair[1])] == []
    return {text.text for text in texts}


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("name", PAGES)
def test_the_texts_of_a_chart_are_whole_and_apart(page: Page, filled: Served, name: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(filled.address(name))
    settled(page)
    page.wait_for_timeout(500)
    charts = page.locator(".chart:has(canvas):visible").all()
    assert set().union(*map(texts_whole_and_apart, charts)) != set()


@pytest.mark.parametrize(
    "values", [[[5, 8]], [[100, 100], [101, 100]], [[0, 0], [0, 0]], [[1, 3], [9, 4]], [[5, 8], [5, 8]]]
)
def test_names_of_near_lines_and_a_time_at_the_end_are_whole_and_apart(
    page: Page, empty: Served, values: list[list[float]]
) -> None:
    page.goto(empty.address("live"))
    settled(page)
    page.evaluate(LINES, values)
    page.wait_for_timeout(500)
    names = {"p50", "p99"} if len(values) > 1 else set()
    assert names | {"10:10"} <= texts_whole_and_apart(page.locator("#lines .chart"))
