"""From deviations of points to incidents with a beginning and an end."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from runtime.analytics.anomalies.series import Floats

# Points in a row: strong ones raise an alarm, calm ones end an incident.
RUN_POINTS = 3
CALM_POINTS = 3
CALM_DEVIATION = 3.0
# Incidents with at most this many points between them are one; with more, if they are long.
GAP_POINTS = 3

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Incident:
    """Indices of points: the first and the last that deviate, the most deviating, and the one that raised the alarm."""

    begin: int
    end: int
    peak: int
    alarm: int
    is_over: bool


def find_incidents(
    deviations: Floats, adapted: Floats, thresholds: Floats, run_share: float, longest: int
) -> list[Incident]:
    """Returns the incidents of a series in order. Missing points neither begin nor end an incident.

    `thresholds`: deviations of each point that make it an incident by itself; a run of three needs `run_share` of them.
    `adapted`: deviations from a baseline that has followed the recent level. An incident that has lasted `longest`
    points ends when these are calm: the new level is the norm then, until `deviations` are calm, too.
    """
    size, lower = np.abs(deviations), run_share * thresholds
    is_hot = (size >= thresholds) | _completes_run(np.where(size >= lower, np.sign(deviations), 0), deviations)
    is_warm = size >= np.minimum(CALM_DEVIATION, lower)
    is_hot_again = is_hot & (np.abs(adapted) >= lower) & (np.sign(adapted) == np.sign(deviations))
    hot, hot_again, warm, cold = (
        np.flatnonzero(flags) for flags in (is_hot, is_hot_again, is_warm, ~is_warm & np.isfinite(deviations))
    )
    calm = np.flatnonzero(_completes_run((~is_warm).astype(float), deviations))
    calm_again = np.flatnonzero(_completes_run((np.abs(adapted) < CALM_DEVIATION).astype(float), deviations))
    incidents: list[Incident] = []
    position, has_new_norm = 0, False
    while (alarm := _next(hot_again if has_new_norm else hot, position)) is not None:
        if has_new_norm and (back := _next(calm, position)) is not None and back < alarm:
            position, has_new_norm = back + 1, False
            continue
        begin = max(position, _last(cold, alarm, -1) + 1)
        back, adapted_at = _next(calm, alarm), _next(calm_again, begin + longest)
        has_new_norm = adapted_at is not None and (back is None or adapted_at < back)
        close = adapted_at if has_new_norm else back
        end = _last(warm, close if close is not None else len(deviations), alarm)
        peak = begin + int(np.nanargmax(size[begin : end + 1]))
        incidents.append(Incident(begin, end, peak, alarm, close is not None))
        if close is None:
            break
        position = close + 1
    return _merge(incidents, size)


def _merge(incidents: list[Incident], size: Floats) -> list[Incident]:
    merged: list[Incident] = []
    for incident in incidents:
        if merged and incident.begin - merged[-1].end <= _gap(merged[-1], incident):
            first = merged.pop()
            peak = max(first.peak, incident.peak, key=lambda point: float(size[point]))
            merged.append(replace(incident, begin=first.begin, alarm=first.alarm, peak=peak))
        else:
            merged.append(incident)
    return merged


def _gap(first: Incident, second: Incident) -> int:
    """Returns the number of points between two parts of one incident: up to half of the longer part."""
    return max(GAP_POINTS, (first.end - first.begin) // 2, (second.end - second.begin) // 2)


def _completes_run(sides: Floats, deviations: Floats) -> Flags:
    """Marks the points that complete a run of equal sides other than 0, without regard to missing points."""
    valid = np.flatnonzero(np.isfinite(deviations))
    completes = np.zeros(len(deviations), dtype=bool)
    if len(valid) >= RUN_POINTS:
        windows = np.lib.stride_tricks.sliding_window_view(sides[valid], RUN_POINTS)
        completes[valid[RUN_POINTS - 1 :]] = np.abs(windows.sum(axis=1)) == RUN_POINTS
    return completes


def _next(points: NDArray[np.int64], position: int) -> int | None:
    index = int(np.searchsorted(points, position))
    return int(points[index]) if index < len(points) else None


def _last(points: NDArray[np.int64], position: int, default: int) -> int:
    """Returns the last of the points before a position."""
    index = int(np.searchsorted(points, position))
    return int(points[index - 1]) if index else default
