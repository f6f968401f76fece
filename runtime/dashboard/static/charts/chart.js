// A chart on a canvas: drawn by ECharts, in the page's colours, with a text in its place for screen readers.

import { colour } from "../colours.js";
import { element } from "../dom.js";
import { onThemeChange } from "../theme.js";

// Null when the server has no copy of the library. The tables below the charts then have all values.
const library = new Promise((resolve) => {
  if (globalThis.echarts) resolve(globalThis.echarts);
  const script = document.getElementById("chart-library");
  script.addEventListener("load", () => resolve(globalThis.echarts));
  script.addEventListener("error", () => resolve(null));
});

/** Returns the size of the page's text, in pixels: charts grow with it. */
export function textSize() {
  return parseFloat(getComputedStyle(document.documentElement).fontSize);
}

/** A chart whose `option(data, style)` returns ECharts' option. `height`: a class that reserves the room. */
export class Chart {
  #option;
  #chart = null;
  #data = null;
  #stopTheme;
  #observer;
  #structure = null;

  constructor(parent, option, height = "tall") {
    this.#option = option;
    this.node = element("div", { class: `chart ${height}`, role: "img", "aria-label": "Chart" });
    parent.append(this.node);
    this.#stopTheme = onThemeChange(() => this.#draw(true));
    this.#observer = new ResizeObserver(() => this.#resize());
    library.then((echarts) => {
      if (!echarts) {
        this.node.append(
          element("p", {
            class: "quiet-text",
            text: "The chart library is missing. Run make setup, then load this page again.",
          }),
        );
        return;
      }
      this.#chart = echarts.init(this.node, null, { renderer: "canvas" });
      this.#observer.observe(this.node);
      this.#draw(true);
    });
  }

  /** `summary`: what the chart says, in a sentence. */
  update(data, summary) {
    this.#data = data;
    this.node.setAttribute("aria-label", summary);
    this.#draw(false);
  }

  dispose() {
    this.#stopTheme();
    this.#observer.disconnect();
    library.then(() => this.#chart?.dispose());
  }

  #resize() {
    if (!this.node.isConnected) {
      this.dispose();
      return;
    }
    if (this.node.clientWidth === 0) return;
    this.#chart.resize();
    this.#draw(true);
  }

  // Updates of the data change the chart in place. Another number of series or other colours replace it.
  #draw(anew) {
    if (!this.#chart || this.#chart.isDisposed() || this.#data === null || this.node.clientWidth === 0) return;
    const option = { animation: false, ...this.#option(this.#data, style(this.node)) };
    const structure = JSON.stringify(option.series.map((series) => [series.name, series.type]));
    this.#chart.setOption(option, { notMerge: anew || structure !== this.#structure, lazyUpdate: false });
    this.#structure = structure;
  }
}

function style(node) {
  const size = textSize();
  return {
    size,
    width: node.clientWidth,
    isNarrow: node.clientWidth < 28 * size,
    font: getComputedStyle(document.body).fontFamily,
    text: colour("--text"),
    muted: colour("--muted"),
    line: colour("--line"),
    surface: colour("--surface"),
    accent: colour("--accent"),
    second: colour("--second"),
  };
}

/** Returns a tooltip whose text is set as text. `lines(parameters)`: [title, [[colour, name, value], …]]. */
export function tooltip(style, trigger, lines) {
  return {
    trigger,
    confine: true,
    renderMode: "html",
    transitionDuration: 0,
    padding: style.size * 0.6,
    backgroundColor: style.surface,
    borderColor: style.line,
    axisPointer: { type: "line", lineStyle: { color: style.muted, type: "solid", width: 1 }, animation: false },
    formatter: (parameters) => {
      const [title, entries] = lines(parameters);
      const rows = entries.map(([mark, name, value]) => {
        const swatch = element("span", { class: "swatch" });
        swatch.style.setProperty("--colour", mark);
        return element(
          "div",
          { class: "tip-row" },
          swatch,
          element("span", { text: name }),
          element("strong", { text: value }),
        );
      });
      return element("div", { class: "chart-tip" }, element("div", { class: "tip-title", text: title }), ...rows);
    },
  };
}

/** Returns the options that all charts with axes share. `left`, `right`, `top`: pixels beside the axes. */
export function axes(style, { x, y, left, right, top }) {
  // ECharts takes the width of a Chinese character for a line's height, which is wrong without a font that has one.
  const lineHeight = style.size * 0.95;
  const label = { color: style.muted, fontSize: style.size * 0.75, fontFamily: style.font, lineHeight };
  const rem = style.size;
  return {
    textStyle: { fontFamily: style.font, fontSize: rem * 0.75 },
    grid: {
      left: left ?? rem * 0.2,
      right: right ?? rem * 0.8,
      top: top ?? rem * 0.9,
      bottom: rem * 0.2,
      containLabel: true,
    },
    xAxis: {
      axisLine: { lineStyle: { color: style.line } },
      axisTick: { show: false },
      splitLine: { show: false },
      ...x,
      axisLabel: { ...label, hideOverlap: true, ...x?.axisLabel },
    },
    yAxis: {
      axisLine: { show: false },
      axisTick: { show: false },
      splitLine: { lineStyle: { color: style.line } },
      splitNumber: 4,
      ...y,
      axisLabel: { ...label, ...y?.axisLabel },
    },
  };
}
