"""Scores of findings against labelled incidents."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from runtime.analytics.anomalies.backtest.disturbances import Fault, Label
from runtime.analytics.anomalies.backtest.shop import MONDAY
from runtime.analytics.anomalies.findings import Finding


@dataclass(frozen=True)
class Score:
    """Injected incidents with the minutes to their detection, None if missed; and alarms, true and false.

    An alarm is one or several findings that overlap. It is true if it was raised during an incident, or by the step
    in which an incident ended.
    """

    minutes: Sequence[tuple[Fault, float | None]]
    true_alarms: int
    false_alarms: Sequence[Finding]
    weeks: float

    @property
    def precision(self) -> float:
        alarms = self.true_alarms + len(self.false_alarms)
        return self.true_alarms / alarms if alarms else 1.0

    def recall(self, *faults: Fault) -> float:
        minutes = [minute for fault, minute in self.minutes if not faults or fault in faults]
        return sum(minute is not None for minute in minutes) / len(minutes)

    def median_minutes(self, *faults: Fault) -> float | None:
        found = [minute for fault, minute in self.minutes if minute is not None and (not faults or fault in faults)]
        return float(np.median(found)) if found else None

    @property
    def false_alarms_a_week(self) -> float:
        return len(self.false_alarms) / self.weeks


def score(findings: Sequence[Finding], labels: Sequence[Label], first: float, last: float) -> Score:
    """Scores the findings whose alarms lie between two times."""
    findings = [finding for finding in findings if first <= finding.alarm <= last]
    minutes: list[tuple[Fault, float | None]] = []
    for label in labels:
        alarms = [finding.alarm for finding in findings if _is_of(finding, label)]
        minutes.append((label.fault, (min(alarms) - _seconds(label.begin)) / 60 if alarms else None))
    true_alarms, false_alarms = 0, []
    for group in grouped(findings):
        if any(_is_of(finding, label) for finding in group for label in labels):
            true_alarms += 1
        else:
            false_alarms.append(group[0])
    return Score(minutes, true_alarms, false_alarms, (last - first) / 604_800)


def pooled(scores: Sequence[Score]) -> Score:
    """Returns the scores of several shops as one."""
    return Score(
        [minute for shop in scores for minute in shop.minutes],
        sum(shop.true_alarms for shop in scores),
        [finding for shop in scores for finding in shop.false_alarms],
        sum(shop.weeks for shop in scores),
    )


def grouped(findings: Sequence[Finding]) -> list[list[Finding]]:
    """Returns the findings in groups; those of a group were raised while another one of it had not ended."""
    groups: list[list[Finding]] = []
    end = -np.inf
    for finding in sorted(findings, key=lambda finding: finding.alarm):
        if finding.alarm - finding.step <= end:
            groups[-1].append(finding)
        else:
            groups.append([finding])
            end = -np.inf
        end = max(end, finding.end + finding.step)
    return groups


def _is_of(finding: Finding, label: Label) -> bool:
    return _seconds(label.begin) < finding.alarm <= _seconds(label.end) + finding.step * finding.window


def _seconds(minute: int) -> float:
    return MONDAY + 60.0 * minute
