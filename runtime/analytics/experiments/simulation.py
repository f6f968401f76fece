"""Simulated experiments: `python -m runtime.analytics.experiments.simulation` prints how often the tests are wrong.

In an A/A experiment both variants are the same, so everything that is found is a false positive. In an A/B experiment
the treatment has the lift that the tests are said to detect with a power of 80 %.
"""

import argparse
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from runtime.analytics.experiments import always_valid, means, power, proportions, sample_ratio
from runtime.analytics.experiments.lift import relative_lift
from runtime.analytics.experiments.samples import Sample, Values, sample_of_rates

Findings = NDArray[np.bool_]

ALPHA = 0.05
SHARES = (0.5, 0.5)
RATE = 0.1
# Location and scale of an order's log-normal amount. The mean is about 60, with a long tail.
ORDER_LOCATION, ORDER_SCALE = 3.8, 0.8


@dataclass(frozen=True)
class Arm:
    """Sums of a variant's users up to the end of each day: arrays by run and day."""

    users: Values
    conversions: Values
    revenue: Values
    squared_revenue: Values

    @property
    def rate(self) -> Sample:
        return sample_of_rates(self.users, self.conversions)

    @property
    def revenue_per_user(self) -> Sample:
        mean = self.revenue / self.users
        return Sample(self.users, mean, (self.squared_revenue - self.users * mean**2) / (self.users - 1))


@dataclass(frozen=True)
class Check:
    """The share of runs in which something happened, beside the share that is to be expected.

    Attributes:
        expected: nan if nothing is promised.
        is_upper_limit: whether fewer are as good.
    """

    name: str
    runs: int
    expected: float
    measured: float
    is_upper_limit: bool = False

    @property
    def limits(self) -> tuple[float, float] | None:
        """The range of the measured share: by chance, one check in twenty with the expected share is outside."""
        if math.isnan(self.expected):
            return None
        if self.is_upper_limit:
            return 0.0, self.expected
        half_width = 1.96 * math.sqrt(self.expected * (1 - self.expected) / self.runs)
        return self.expected - half_width, self.expected + half_width

    @property
    def is_passed(self) -> bool:
        return self.limits is None or self.limits[0] <= self.measured <= self.limits[1]


def simulate(rng: np.random.Generator, runs: int, days: int, users_a_day: int, lift: float = 0.0) -> tuple[Arm, Arm]:
    """Returns the control and the treatment of each run. `lift`: of the treatment's conversion rate."""
    exposed = rng.poisson(users_a_day, (runs, days))
    control_users = rng.binomial(exposed, SHARES[0])
    return _arm(rng, control_users, RATE), _arm(rng, exposed - control_users, RATE * (1 + lift))


def checks(rng: np.random.Generator, runs: int, days: int, users_a_day: int) -> Iterator[Check]:
    """Yields the false positives of A/A experiments, and the true and false ones of A/B experiments."""
    yield from _checks_of_equal_arms(*simulate(rng, runs, days, users_a_day))
    users = days * users_a_day * SHARES[0]
    lift = power.detectable_lift(power.rate_metric(RATE), users, users, ALPHA)
    yield from _checks_of_a_lift(*simulate(rng, runs, days, users_a_day, lift), lift)


def report(results: Sequence[Check]) -> str:
    """Returns the checks as a table in Markdown."""
    rows = ["| Simulated experiments | Runs | Limits | Measured |", "|---|---|---|---|"]
    for check in results:
        if check.limits is None:
            limits = "none, for comparison"
        elif check.is_upper_limit:
            limits = f"at most {check.expected:.1%}"
        else:
            limits = f"{check.limits[0]:.1%} to {check.limits[1]:.1%}"
        measured = f"{check.measured:.1%}" + ("" if check.is_passed else " **outside**")
        rows.append(f"| {check.name} | {check.runs:,} | {limits} | {measured} |".replace("%", " %"))
    return "\n".join(rows)


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m runtime.analytics.experiments.simulation",
        description="Simulates experiments, and prints a table of how often the tests are right and wrong, in Markdown."
        " The exit status is 1 if a share is outside its limits.",
    )
    parser.add_argument("--runs", type=int, default=2_000, help="experiments of each kind (default: 2000)")
    parser.add_argument("--days", type=int, default=28, help="days of an experiment (default: 28)")
    parser.add_argument("--users", type=int, default=500, help="users a day (default: 500)")
    parser.add_argument("--seed", type=int, default=19, help="seed of the random numbers (default: 19)")
    arguments = parser.parse_args(argv)
    if min(arguments.runs, arguments.days, arguments.users) < 1:
        parser.error("--runs, --days and --users are at least 1")
    rng = np.random.default_rng(arguments.seed)
    results = list(checks(rng, arguments.runs, arguments.days, arguments.users))
    print(report(results))
    return 0 if all(check.is_passed for check in results) else 1


def _arm(rng: np.random.Generator, users: NDArray[np.int64], rate: float) -> Arm:
    """Returns an arm whose users buy once or not at all."""
    conversions = rng.binomial(users, rate)
    amounts = rng.lognormal(ORDER_LOCATION, ORDER_SCALE, conversions.sum())
    cells = np.repeat(np.arange(conversions.size), conversions.ravel())
    revenue, squares = (
        np.bincount(cells, values, conversions.size).reshape(users.shape).cumsum(axis=1)
        for values in (amounts, amounts**2)
    )
    return Arm(users.cumsum(axis=1).astype(float), conversions.cumsum(axis=1).astype(float), revenue, squares)


def _checks_of_equal_arms(control: Arm, treatment: Arm) -> Iterator[Check]:
    z_test = _z_test(control, treatment) < ALPHA
    welch = means.welch_test(control.revenue_per_user, treatment.revenue_per_user).p_value < ALPHA
    users = np.stack((control.users, treatment.users), axis=-1)
    chi_square = sample_ratio.chi_square_test(users, SHARES) < ALPHA
    yield _at_the_end("A/A: z test of the conversion rate at the end finds a lift", z_test, ALPHA)
    yield _at_the_end("A/A: Welch's test of the revenue per user at the end finds a lift", welch, ALPHA)
    yield _at_the_end("A/A: χ² test at the end finds a sample ratio mismatch", chi_square, ALPHA)
    yield _at_any_look("A/A: z test finds a lift at one of the daily looks", z_test, math.nan)
    yield _at_any_look("A/A: χ² test finds a mismatch at one of the daily looks", chi_square, math.nan)
    name = f"A/A: experiment is declared invalid (χ² test, p < {sample_ratio.MISMATCH}) at one of the daily looks"
    yield _at_any_look(name, sample_ratio.chi_square_test(users, SHARES) < sample_ratio.MISMATCH, math.nan)
    factor = always_valid.standard_errors(control.users + treatment.users, ALPHA)
    rate = _is_outside(relative_lift(control.rate, treatment.rate).cautious_interval(factor), 0)
    revenue_lift = relative_lift(control.revenue_per_user, treatment.revenue_per_user)
    revenue = _is_outside(revenue_lift.cautious_interval(factor), 0)
    sequential = sample_ratio.sequential_test(users, SHARES) < ALPHA
    yield _at_any_look(
        "A/A: always-valid interval of the conversion rate finds a lift at one of the daily looks", rate, ALPHA
    )
    yield _at_any_look(
        "A/A: always-valid interval of the revenue per user finds a lift at one of the daily looks", revenue, ALPHA
    )
    yield _at_any_look("A/A: sequential test finds a mismatch at one of the daily looks", sequential, ALPHA)


def _checks_of_a_lift(control: Arm, treatment: Arm, lift: float) -> Iterator[Check]:
    estimate = relative_lift(control.rate, treatment.rate)
    at_end = _is_outside(estimate.interval(np.asarray(-special.ndtri(ALPHA / 2))), lift)
    factor = always_valid.standard_errors(control.users + treatment.users, ALPHA)
    at_looks = _is_outside(estimate.cautious_interval(factor), lift)
    name = f"A/B, lift of {lift:.1%}"
    yield _at_the_end(f"{name}: z test at the end finds it", _z_test(control, treatment) < ALPHA, power.POWER)
    yield _at_the_end(f"{name}: interval at the end misses it", at_end, ALPHA)
    yield _at_any_look(f"{name}: always-valid interval misses it at one of the daily looks", at_looks, ALPHA)


def _z_test(control: Arm, treatment: Arm) -> Values:
    return proportions.z_test(control.users, control.conversions, treatment.users, treatment.conversions)


def _is_outside(interval: tuple[Values, Values], value: float) -> Findings:
    low, high = interval
    return (low > value) | (high < value)


def _at_the_end(name: str, findings: Findings, expected: float) -> Check:
    return Check(name, len(findings), expected, float(findings[:, -1].mean()))


def _at_any_look(name: str, findings: Findings, limit: float) -> Check:
    return Check(name, len(findings), limit, float(findings.any(axis=1).mean()), is_upper_limit=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
