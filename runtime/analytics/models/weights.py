"""Weights of the touches of one path, by position, time or product.

A path has at least one touch. Its touches are ordered by (`click_timestamp`, `click_id`), so exactly one is the first
and one is the last, also among touches of the same moment. The weights of a path add up to 1 exactly.
"""

from collections.abc import Sequence
from datetime import timedelta
from fractions import Fraction

DIRECT = frozenset({"direct", "(direct)", "(direct) / (none)"})
# Decimals of the weights that are computed in floating point. Neither the processor's last bits nor the difference
# between numeric in PostgreSQL and float in Python decides about a cent.
DECIMALS = 12


def first_touch(touches: int) -> list[Fraction]:
    return _all_to(0, touches)


def last_touch(touches: int) -> list[Fraction]:
    return _all_to(touches - 1, touches)


def last_non_direct(channels: Sequence[str]) -> list[Fraction]:
    """Gives all to the last touch that is not direct, or to the last touch when all are direct."""
    positions = [position for position, channel in enumerate(channels) if not is_direct(channel)]
    return _all_to(positions[-1] if positions else len(channels) - 1, len(channels))


def is_direct(channel: str) -> bool:
    """Whether a channel is direct traffic: Direct, (direct) or GA4's (direct) / (none), in capitals or not."""
    return channel.casefold() in DIRECT


def linear(touches: int) -> list[Fraction]:
    return [Fraction(1, touches)] * touches


def position_based(touches: int) -> list[Fraction]:
    """Gives 0.4 to the first and to the last touch; the touches between them share 0.2."""
    if touches < 3:
        return linear(touches)
    end = Fraction(2, 5)
    return [end, *[Fraction(1, 5) / (touches - 2)] * (touches - 2), end]


def time_decay(ages: Sequence[timedelta], half_life: timedelta) -> list[Fraction]:
    """Halves the weight with each half-life that a touch is older. `ages`: times from the touches to the checkout."""
    # Relative to the youngest touch, so that the weights of an old path do not underflow to zero.
    youngest = min(ages)
    return normalised([Fraction(f"{2 ** -((age - youngest) / half_life):.{DECIMALS}f}") for age in ages])


def half_life_of(look_back: timedelta) -> timedelta:
    """Returns the half-life for a look-back window: 7 days, or a quarter of a window of less than 28 days."""
    return min(timedelta(days=7), look_back / 4)


def w_shaped(in_order: Sequence[bool]) -> list[Fraction]:
    """Gives 0.3 to each of three milestones: the first touch, the first touch of a product in the order, the last.

    Milestones that coincide add up. The other touches share 0.1; without others, the milestones share all. A path
    without a touch of a product in the order is position-based.
    """
    touches = len(in_order)
    if True not in in_order:
        return position_based(touches)
    milestones = [0, in_order.index(True), touches - 1]
    others = touches - len(set(milestones))
    share = Fraction(1, 10) / others if others else Fraction()
    weights = [Fraction() if position in milestones else share for position in range(touches)]
    for position in milestones:
        weights[position] += Fraction(3, 10)
    return normalised(weights)


def normalised(weights: Sequence[Fraction]) -> list[Fraction]:
    total = sum(weights, Fraction())
    return [weight / total for weight in weights]


def _all_to(position: int, touches: int) -> list[Fraction]:
    return [Fraction(int(other == position)) for other in range(touches)]
