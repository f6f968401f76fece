// Touches that flow from channel to channel to the checkout.

import { channelColour } from "../colours.js";
import { count } from "../format.js";
import { Chart, tooltip } from "./chart.js";

const GOAL = "(checkout)"; // As the API names the end of a path.

/** data: [{from_step, from_channel, to_step, to_channel, checkouts}]. */
export function sankeyChart(parent) {
  const option = (flows, style) => {
    const ids = new Map();
    const id = (step, channel) => {
      // All paths end in one node, whatever their length.
      const key = channel === GOAL ? GOAL : `${step}\u0000${channel}`;
      ids.set(key, channel);
      return key;
    };
    const links = flows.map((flow) => ({
      source: id(flow.from_step, flow.from_channel),
      target: id(flow.to_step, flow.to_channel),
      value: Number(flow.checkouts),
    }));
    const colourOf = (channel) => (channel === GOAL ? style.muted : channelColour(channel));
    return {
      textStyle: { fontFamily: style.font },
      tooltip: tooltip(style, "item", ({ dataType, data, value, color }) =>
        dataType === "edge"
          ? [
              `${ids.get(data.source)} → ${ids.get(data.target)}`,
              [[channelColour(ids.get(data.source)), "Checkouts", count(value)]],
            ]
          : [ids.get(data.name), [[color, "Checkouts", count(value)]]],
      ),
      series: [
        {
          type: "sankey",
          left: 0,
          right: style.isNarrow ? style.size : style.size * 6,
          top: style.size * 0.5,
          bottom: style.size * 0.5,
          nodeWidth: style.size * 0.8,
          nodeGap: style.size * 0.8,
          nodeAlign: "left",
          draggable: false,
          emphasis: { focus: "adjacency" },
          label: {
            color: style.text,
            fontSize: style.size * 0.78,
            textBorderWidth: 0,
            formatter: ({ name }) => (style.isNarrow ? "" : ids.get(name)),
          },
          lineStyle: { color: "source", opacity: 0.32, curveness: 0.5 },
          data: [...ids].map(([name, channel]) => ({ name, itemStyle: { color: colourOf(channel), borderWidth: 0 } })),
          links,
        },
      ],
    };
  };
  return new Chart(parent, option, "taller");
}
