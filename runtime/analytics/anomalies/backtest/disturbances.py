"""Labelled incidents of the backtest: what each kind does to the rates of a shop."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.random import Generator

from runtime.analytics.anomalies.backtest.shop import CHANNELS, CLICKS_A_MINUTE, MINUTES, Rates
from runtime.analytics.anomalies.series import Floats

# Minutes between two incidents, at least.
LEAST_GAP = 6 * 60


class Fault(StrEnum):
    TRACKING = "a channel's tracking breaks"
    PRICE = "a price error"
    BOTS = "a bot wave"
    HALF_LOST = "a stream half lost"
    DRIFT = "a slow drift"
    FAILURE = "a total failure"


# Shortest and longest duration in minutes; durations are log-uniform between them.
DURATIONS = {
    Fault.TRACKING: (120, 1_440),
    Fault.PRICE: (60, 600),
    Fault.BOTS: (30, 480),
    Fault.HALF_LOST: (60, 480),
    Fault.DRIFT: (4 * MINUTES, 8 * MINUTES),
    Fault.FAILURE: (15, 120),
}


@dataclass(frozen=True)
class Label:
    """An incident: its kind and its minutes, counted from the first generated one."""

    fault: Fault
    begin: int
    end: int


def place(first: int, minutes: int, a_kind: int, random: Generator) -> list[Label]:
    """Returns `a_kind` incidents of each kind in random order, at random times from the minute `first` on."""
    faults = random.permutation([fault for fault in Fault for _ in range(a_kind)])
    durations = [int(np.exp(random.uniform(*np.log(DURATIONS[Fault(fault)])))) for fault in faults]
    free = minutes - first - sum(durations) - LEAST_GAP * (len(faults) + 1)
    if free < 0:
        raise ValueError(f"{len(faults)} incidents do not fit into {(minutes - first) / MINUTES:.0f} days")
    gaps = LEAST_GAP + (random.dirichlet(np.ones(len(faults) + 1)) * free).astype(int)
    labels, position = [], first
    for fault, duration, gap in zip(faults, durations, gaps, strict=False):
        position += int(gap)
        labels.append(Label(Fault(fault), position, position + duration))
        position += duration
    return labels


def disturb(rates: Rates, bots: Floats, label: Label, random: Generator) -> None:
    """Changes the rates, and the clicks of robots, as the incident does. Its strength is random."""
    during = slice(label.begin, label.end)
    channel = int(random.integers(len(CHANNELS)))
    direct = list(CHANNELS).index("Direct")
    match label.fault:
        case Fault.TRACKING:
            # The clicks arrive without their campaign, so they count as Direct. Of Direct itself, they are lost.
            lost = random.uniform(0.6, 1.0) * rates.clicks[channel, during]
            rates.clicks[channel, during] -= lost
            if channel != direct:
                rates.clicks[direct, during] += lost
        case Fault.PRICE:
            is_cheap = random.random() < 0.5
            rates.order_value[during] *= random.uniform(0.1, 0.6) if is_cheap else random.uniform(1.8, 6.0)
            rates.conversion[:, during] *= random.uniform(1.0, 2.5) if is_cheap else random.uniform(0.3, 0.9)
        case Fault.BOTS:
            bots[channel, during] += random.uniform(0.5, 3.0) * CLICKS_A_MINUTE
        case Fault.HALF_LOST:
            kept = rates.clicks_kept if random.random() < 0.5 else rates.checkouts_kept
            kept[during] *= random.uniform(0.3, 0.6)
        case Fault.DRIFT:
            progress = np.minimum(1.0, 1.5 * np.arange(label.end - label.begin) / (label.end - label.begin))
            loss = 1 - random.uniform(0.3, 0.5) * progress
            if random.random() < 0.5:
                rates.conversion[:, during] *= loss
            else:
                rates.clicks[channel, during] *= loss
        case Fault.FAILURE:
            rates.clicks_kept[during] = 0.0
            rates.checkouts_kept[during] = 0.0
