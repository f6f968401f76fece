// One colour for each channel, on all pages. The colours themselves are in css/base.css.

// GA4's channels have fixed slots, so that a new channel does not change the colour of another one.
const SLOTS = [
  "Paid Search",
  "Paid Social",
  "Organic Search",
  "Email",
  "Direct",
  "Organic Social",
  "Display",
  "Referral",
  "Affiliates",
  "Paid Shopping",
  "Organic Shopping",
  "Paid Video",
  "Organic Video",
  "Cross-network",
  "Paid Other",
  "Audio",
  "SMS",
  "Mobile Push Notifications",
];
const UNATTRIBUTED = "(unattributed)";
let others = [];

/** Takes the channels that the API lists: names that GA4 does not have take the next slots, in this order. */
export function setChannels(channels) {
  others = channels.filter((channel) => channel !== UNATTRIBUTED && !SLOTS.includes(channel));
}

/** Returns the custom property of a channel's colour. */
export function channelProperty(channel) {
  if (channel === UNATTRIBUTED) return "--unattributed";
  const known = SLOTS.indexOf(channel);
  if (known >= 0) return `--channel-${known}`;
  // Names of one's own begin with the slots that are distinct best and least common in a shop with such names.
  return `--channel-${(6 + Math.max(others.indexOf(channel), 0)) % SLOTS.length}`;
}

const probe = document.createElement("span");

/** Returns the current value of a custom property, for a canvas. */
export function colour(property) {
  if (!probe.isConnected) {
    probe.hidden = true;
    document.body.append(probe);
  }
  probe.style.color = `var(${property})`;
  return getComputedStyle(probe).color;
}

export function channelColour(channel) {
  return colour(channelProperty(channel));
}

/** Gives an element the channel's colour as `--colour`. */
export function paint(node, channel) {
  node.style.setProperty("--colour", `var(${channelProperty(channel)})`);
  return node;
}
