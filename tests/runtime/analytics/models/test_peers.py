"""The models agree with ChannelAttribution 2.2.5 and mta 0.0.9. Skipped where they are not installed.

They are no packages of this project. To run these tests in an environment of their own:

    uv run --no-project --with channelattribution==2.2.5,mta==0.0.9,matplotlib,pytest,pytest-timeout,numpy,pandas \\
        python -m pytest --noconftest tests/runtime/analytics/models/test_peers.py
"""

import random
from collections import defaultdict
from fractions import Fraction
from typing import Any

import pytest

from runtime.analytics.models.credits import credit
from runtime.analytics.models.markov import chain_of, removal_effects
from runtime.analytics.models.path_totals import PathTotals

CHANNELS = ["Search", "Social", "Email", "Direct", "Display", "Affiliate", "Referral"]
POPULARITY = [30, 20, 15, 10, 10, 8, 7]


@pytest.fixture(scope="module")
def paths() -> list[PathTotals]:
    """About 1,000 paths of 3,000 users, of whom one in eight converts."""
    numbers = random.Random(5)
    totals: dict[tuple[str, ...], list[int]] = defaultdict(lambda: [0, 0, 0])
    for _ in range(3000):
        channels = tuple(numbers.choices(CHANNELS, POPULARITY, k=1 + min(int(numbers.expovariate(0.45)), 9)))
        converts = numbers.random() < 0.05 + 0.1 * ("Search" in channels) + 0.05 * ("Email" in channels)
        for column, number in enumerate((converts, converts * numbers.randint(10, 200), not converts)):
            totals[channels][column] += number
    return [PathTotals(channels, *map(Fraction, numbers)) for channels, numbers in totals.items()]


@pytest.fixture
def frame(paths: list[PathTotals]) -> Any:
    return pytest.importorskip("pandas").DataFrame(
        {
            "path": [" > ".join(path.channels) for path in paths],
            "total_conversions": [int(path.conversions) for path in paths],
            "total_value": [float(path.value) for path in paths],
            "total_null": [int(path.nulls) for path in paths],
        }
    )


def conversions(paths: list[PathTotals], model: str) -> dict[str, float]:
    return {channel: float(credit.conversions) for channel, credit in credit(paths, model).by_channel.items()}


@pytest.mark.parametrize("order", [1, 2, 3])
def test_removal_effects_agree_with_a_million_simulated_paths(paths: list[PathTotals], frame: Any, order: int) -> None:
    peer = pytest.importorskip("ChannelAttribution")
    # The default of `max_step`, the length of the longest path, cuts longer simulated paths off.
    result = peer.markov_model(
        frame,
        "path",
        "total_conversions",
        var_null="total_null",
        order=order,
        nsim_start=1e6,
        max_step=10_000,
        out_more=True,
        seed=1,
        verbose=False,
    )["removal_effects"]
    simulated = dict(zip(result.channel_name, result.iloc[:, 1], strict=True))
    assert removal_effects(chain_of(paths, order)) == pytest.approx(simulated, abs=0.01)


def test_rules_by_position_agree_with_channel_attribution(paths: list[PathTotals], frame: Any) -> None:
    peer = pytest.importorskip("ChannelAttribution")
    result = peer.heuristic_models(frame, "path", "total_conversions", var_value="total_value").set_index(
        "channel_name"
    )
    for model, column in (("first_touch", "first_touch"), ("last_touch", "last_touch"), ("linear", "linear_touch")):
        credits = credit(paths, model).by_channel
        for channel, row in result.iterrows():
            assert row[f"{column}_conversions"] == pytest.approx(float(credits[channel].conversions), abs=1e-9)
            assert row[f"{column}_value"] == pytest.approx(float(credits[channel].value), abs=1e-9)


def test_rules_by_position_and_shapley_agree_with_mta(paths: list[PathTotals], frame: Any) -> None:
    peer = pytest.importorskip("mta.mta").MTA(frame, allow_loops=True)
    peer.first_touch(normalize=False).last_touch(normalize=False).linear(share="proportional", normalize=False)
    peer.position_based(normalize=False).shapley(normalize=False)
    for model, name in (
        ("first_touch", "first_touch"),
        ("last_touch", "last_touch"),
        ("linear", "linear"),
        ("position_based", "pos_based"),
        ("shapley", "shapley"),
    ):
        assert conversions(paths, model) == pytest.approx(dict(peer.attribution[name]), abs=1e-9)
