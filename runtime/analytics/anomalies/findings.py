"""Findings, and the joining of those that are one incident."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Finding:
    """An incident of a series. Times are seconds since 1970: the beginnings of its first and last step, and the end
    of the step that raised the alarm. The band and the value are those of the most deviating step."""

    series: str
    begin: float
    end: float
    step: float
    window: int
    alarm: float
    expected_low: float
    expected_high: float
    observed: float
    score: float
    is_over: bool
    detector: str = "baseline"

    @property
    def severity(self) -> str:
        return "high" if self.score >= 15 else "medium" if self.score >= 8 else "low"


def combined(findings: Sequence[Finding], joint_findings: Sequence[Finding]) -> list[Finding]:
    """Returns the findings of the series, and those of the forest during which no series has one, sorted by time."""
    added = [
        joint
        for joint in joint_findings
        if not any(finding.begin <= joint.end and joint.begin <= finding.end + finding.step for finding in findings)
    ]
    return sorted([*findings, *added], key=lambda finding: (finding.begin, finding.series))


def joined(findings: Iterable[Finding]) -> list[Finding]:
    """Joins the findings of one series that overlap, and those of different steps that follow each other."""
    results: list[Finding] = []
    for finding in sorted(findings, key=lambda finding: (finding.begin, finding.step)):
        if results and _touches(results[-1], finding):
            results.append(_join(results.pop(), finding))
        else:
            results.append(finding)
    return results


def _touches(first: Finding, second: Finding) -> bool:
    same = (first.step, first.window) == (second.step, second.window)
    gap = 0.0 if same else max(first.step * first.window, second.step * second.window)
    return second.begin < first.end + first.step + gap


def _join(first: Finding, second: Finding) -> Finding:
    """Returns one finding: the finer one, which is more exact, with the extent of both."""
    finer, coarser = sorted((first, second), key=lambda finding: (finding.step, finding.window, -finding.score))
    last = max(first, second, key=lambda finding: finding.end + finding.step)
    begins_within = coarser.begin <= finer.begin < coarser.begin + coarser.step
    return replace(
        finer,
        begin=finer.begin if begins_within else min(first.begin, second.begin),
        end=last.end + last.step - finer.step,
        alarm=min(first.alarm, second.alarm),
        is_over=last.is_over,
    )
