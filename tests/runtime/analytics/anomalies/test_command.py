"""The command `anomalies`: which incidents it finds in generated series."""

import numpy as np
import pytest

from local.folder import PROJECT
from runtime.analytics.anomalies.command import EPILOG
from tests.runtime.analytics.anomalies.conftest import Run
from tests.runtime.analytics.anomalies.generated import (
    DAYS,
    FIVE_MINUTES,
    HOURS,
    MINUTES,
    NOISE,
    SECONDS,
    SHAPES,
    csv,
    daily,
    flat,
    text,
    times,
    weekly,
)

HEADER = "series,from,to,expected_low,expected_high,observed,score,severity\n"
LENGTHS = {"seconds": SECONDS, "minutes": MINUTES, "five minutes": FIVE_MINUTES, "hours": HOURS, "days": DAYS}
# A day of minutes shows no season of a day.
KINDS = [(shape, unit) for shape in SHAPES for unit in LENGTHS if (shape, unit) not in {("weekly", "five minutes")}]


@pytest.mark.parametrize(("shape", "unit"), KINDS)
def test_a_quiet_series_has_no_finding(run: Run, shape: str, unit: str) -> None:
    count, step = LENGTHS[unit]
    status, _, errors, output = run(csv(SHAPES[shape](count, step), step))
    assert (status, output, errors) == (0, HEADER, "")


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize(("shape", "unit"), KINDS)
def test_a_single_outlier_is_one_finding_at_its_time(run: Run, shape: str, unit: str, side: int) -> None:
    count, step = LENGTHS[unit]
    values, place = SHAPES[shape](count, step), count * 4 // 5
    values[place] += side * (100 if shape == "counts" else 12 * NOISE)
    (finding,) = run(csv(values, step)).findings
    time = text(times(count, step)[place])
    assert (finding["from"], finding["to"], finding["series"]) == (time, time, "value")
    assert float(finding["observed"]) == pytest.approx(values[place], rel=1e-4)
    edge = float(finding["expected_high" if side > 0 else "expected_low"])
    assert side * (values[place] - edge) > 0


def test_two_outliers_are_two_findings(run: Run) -> None:
    values = daily(*HOURS)
    values[[300, 500]] += 12 * NOISE
    at = [text(time) for time in times(*HOURS)]
    assert run(csv(values, HOURS[1])).spans == [(at[300], at[300]), (at[500], at[500])]


def test_an_outage_is_one_finding(run: Run) -> None:
    values = daily(864, 300)
    values[700:706] = 0
    at = [text(time) for time in times(864, 300)]
    assert run(csv(values, 300)).spans == [(at[700], at[705])]


def test_the_example_of_the_help_and_of_the_documentation(run: Run) -> None:
    values = daily(*HOURS)
    values[416:419] += 12 * NOISE
    *_, line = run(csv(values, HOURS[1])).output.splitlines()
    assert f"  {line}\n" in EPILOG
    assert f"\n{line}\n" in (PROJECT / "docs" / "analytics.md").read_text()


def test_a_new_level_is_one_finding_until_it_is_usual(run: Run) -> None:
    values = flat(*HOURS)
    values[400:] += 10 * NOISE
    ((begin, _),) = run(csv(values, HOURS[1])).spans
    at = [text(time) for time in times(*HOURS)]
    assert begin == at[400]


def test_a_slow_drift_is_found(run: Run) -> None:
    values = daily(4_032, 300)
    values[2_000:2_864] += np.linspace(0, 15 * NOISE, 864)
    values[2_864:] += 15 * NOISE
    at = [text(time) for time in times(4_032, 300)]
    findings = run(csv(values, 300)).findings
    assert findings
    assert at[2_000] <= min(finding["from"] for finding in findings) <= at[2_864]


def test_weekends_of_two_weeks_are_a_season(run: Run) -> None:
    assert run(csv(weekly(1_344, 900), 900)).findings == []
