"""Findings of a table of series, by its own step and by coarser ones."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from runtime.analytics.anomalies.comparison import Comparison, compare, watched
from runtime.analytics.anomalies.findings import Finding, combined, joined
from runtime.analytics.anomalies.incidents import Incident, find_incidents
from runtime.analytics.anomalies.joint import joint_incidents
from runtime.analytics.anomalies.residuals import value_at
from runtime.analytics.anomalies.seasonal import Expectation, Model, expect
from runtime.analytics.anomalies.series import Floats, Series, SeriesTable, aggregate
from runtime.analytics.anomalies.thresholds import point_thresholds

# Seconds of the coarser steps that a series is looked at by as well.
COARSE_STEPS = (1_800, 10_800, 86_400)
# Fewer values than this have no findings: there is nothing to compare them with.
LEAST_VALUES = 8
BAND_DEVIATION = 3.0
# Steps of a series that make up a coarser one, and the least number of coarser steps to look at.
LEAST_REFINEMENT = 4
LEAST_COARSE_VALUES = 28
# Shorter series do not show a season of a day, whose ups and downs are changes to coarser steps.
LEAST_COARSE_SECONDS = 3 * 86_400
# The forest looks at means over windows of three points, in series that are long enough to know their tails.
JOINT_WINDOW = 3
LEAST_JOINT_VALUES = 500
WEEK = 604_800


Choose = Callable[[Series, float], Model]


def find(table: SeriesTable, choose: Choose) -> list[Finding]:
    """Returns the findings of both detectors, sorted by time.

    The forest adds the incidents during which no series has a finding of its own.
    """
    return combined(find_seasonal(table, choose), find_joint(table, choose))


def find_seasonal(table: SeriesTable, choose: Choose) -> list[Finding]:
    """Returns the findings of each series, sorted by time. Coarser steps see the series without the finer findings."""
    findings: list[Finding] = []
    for name, series in table.series.items():
        findings += joined(find_in_series(name, series, table.times, table.step, choose))
    return sorted(findings, key=lambda finding: (finding.begin, finding.series))


def find_joint(table: SeriesTable, choose: Choose) -> list[Finding]:
    """Returns the findings of the forest, sorted by time; each names the series that deviates most."""
    if len(table.series) < 2:
        return []
    comparisons, deviations = {}, {}
    for name, series in table.series.items():
        if np.isfinite(series.values).sum() >= LEAST_JOINT_VALUES:
            model = choose(series, table.step)
            comparisons[name] = compare(series, expect(series, model), model, JOINT_WINDOW)
            deviations[name] = np.nan_to_num(watched(comparisons[name], model.jitter))
    if len(deviations) < 2:
        return []
    findings = []
    incidents, unusual = joint_incidents(deviations, _joint_period(len(table.times), table.step))
    for incident in incidents:
        name = max(deviations, key=lambda name: abs(float(deviations[name][incident.peak])))
        if deviations[name][incident.peak]:
            finding = _finding(
                name, comparisons[name], incident, times=table.times, step=table.step, window=JOINT_WINDOW
            )
            findings.append(replace(finding, detector="forest", score=float(unusual[incident.peak])))
    return findings


def _joint_period(count: int, step: float) -> int:
    """Returns the points for which one forest is fitted: a week, or less if there are less than three weeks."""
    return max(1, min(round(WEEK / step), count // 3))


def find_in_series(name: str, series: Series, times: Floats, step: float, choose: Choose) -> Iterator[Finding]:
    """Yields the findings of one series: by single steps, by windows of several, and by coarser steps."""
    if np.isfinite(series.values).sum() < LEAST_VALUES:
        return
    model = choose(series, step)
    expectation = expect(series, model)
    for window, run_share in model.windows:
        comparison = compare(series, expectation, model, window)
        incidents = _incidents_of(comparison, model, run_share)
        for incident in incidents:
            yield _finding(name, comparison, incident, times=times, step=step, window=window)
        series = _without(series, expectation, incidents, window)
    for coarse in COARSE_STEPS:
        if coarse >= LEAST_REFINEMENT * step:
            table = aggregate(SeriesTable(times, step, {name: _filled(series, expectation)}), coarse)
            if len(table.times) >= max(LEAST_COARSE_VALUES, LEAST_COARSE_SECONDS / coarse):
                yield from find_in_series(name, table.series[name], table.times, coarse, choose)
            return


def _incidents_of(comparison: Comparison, model: Model, run_share: float) -> list[Incident]:
    deviations = watched(comparison, model.jitter)
    thresholds = point_thresholds(deviations, model, comparison.series.kind)
    longest = model.unit if model.season > 1 else 2 * model.unit
    return find_incidents(deviations, comparison.adapted, thresholds, run_share, longest)


def _finding(
    name: str, comparison: Comparison, incident: Incident, *, times: Floats, step: float, window: int
) -> Finding:
    low, high = (float(edge[incident.peak]) for edge in _band(comparison))
    return Finding(
        series=name,
        begin=float(times[_begin(incident, window)]),
        end=float(times[incident.end]),
        step=step,
        window=window,
        alarm=float(times[incident.alarm]) + step,
        expected_low=low,
        expected_high=high,
        observed=float(comparison.series.values[incident.peak]),
        score=abs(float(comparison.deviations[incident.peak])),
        is_over=incident.is_over,
    )


def expected_range(series: Series, model: Model) -> tuple[Floats, Floats]:
    """Returns the lower and the upper end of the range in which a value is no finding."""
    return _band(compare(series, expect(series, model), model, 1))


def _band(comparison: Comparison) -> tuple[Floats, Floats]:
    series, baseline, width = comparison.series, comparison.baseline, BAND_DEVIATION * comparison.scale
    low, high = (value_at(series.kind, side * width, baseline, comparison.weights) for side in (-1.0, 1.0))
    usual_low, usual_high = comparison.low * (1 - series.tolerance), comparison.high * (1 + series.tolerance)
    return np.minimum(low, usual_low), np.maximum(high, usual_high)


def _begin(incident: Incident, window: int) -> int:
    """Returns the first point of the first window, which is mostly before the incident if the window is not full."""
    return max(0, incident.begin - window // 2)


def _without(series: Series, expectation: Expectation, incidents: list[Incident], window: int) -> Series:
    """Returns the series with the expected values in place of those in an incident."""
    values = series.values.copy()
    for incident in incidents:
        during = slice(_begin(incident, window), incident.end + 1)
        values[during] = np.where(np.isfinite(values[during]), expectation.baseline[during], np.nan)
    return replace(series, values=values)


def _filled(series: Series, expectation: Expectation) -> Series:
    return replace(series, values=np.where(np.isfinite(series.values), series.values, expectation.baseline))
