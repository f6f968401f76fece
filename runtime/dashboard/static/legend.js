// Names beside their colours.

import { paint } from "./colours.js";
import { element } from "./dom.js";

/** Returns a list of channels with their colours. Call `update` with the channels. */
export function channelLegend() {
  const node = element("ul", { class: "legend", "aria-label": "Colours" });
  const update = (channels) =>
    node.replaceChildren(
      ...channels.map((channel) =>
        element("li", {}, paint(element("span", { class: "swatch", "aria-hidden": "true" }), channel), channel),
      ),
    );
  return { node, update };
}

/** Returns a list of names with colours that are custom properties: [[name, property], …]. */
export function plainLegend(entries) {
  const items = entries.map(([name, property]) => {
    const swatch = element("span", { class: "swatch", "aria-hidden": "true" });
    swatch.style.setProperty("--colour", `var(${property})`);
    return element("li", {}, swatch, name);
  });
  return element("ul", { class: "legend", "aria-label": "Colours" }, ...items);
}
