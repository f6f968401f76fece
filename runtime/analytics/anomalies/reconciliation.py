"""Changes of the stored findings by those of a refresh: findings are added, extended or closed, and never removed."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from runtime.analytics.anomalies.findings import Finding

# Seconds before the last judged step in which late events can still make a finding.
LATENESS = 3_600.0


@dataclass(frozen=True)
class StoredFinding:
    """A finding of an earlier refresh. Times are seconds since 1970; `end`: the end of the last step that deviates."""

    finding_id: int
    series: str
    begin: float
    end: float
    is_over: bool


@dataclass(frozen=True)
class Changes:
    """Findings to add, stored findings with the finding that continues them, and numbers of those that are over."""

    added: list[Finding] = field(default_factory=list)
    continued: list[tuple[StoredFinding, Finding]] = field(default_factory=list)
    closed: list[int] = field(default_factory=list)


def reconcile(stored: Sequence[StoredFinding], findings: Sequence[Finding], judged_until: float) -> Changes:
    """Compares the findings of a refresh with the stored ones. Alarms long before `judged_until` are no news.

    A finding that overlaps with a stored one of its series is the same incident. An open one that is not found again,
    because late events have filled the gap, is over.
    """
    changes = Changes()
    seen = set()
    for finding in findings:
        same = next((one for one in stored if _is_same(one, finding)), None)
        if same is None:
            if finding.alarm > judged_until - LATENESS:
                changes.added.append(finding)
        else:
            seen.add(same.finding_id)
            if finding.end + finding.step > same.end or finding.is_over != same.is_over:
                changes.continued.append((same, finding))
    changes.closed.extend(one.finding_id for one in stored if not one.is_over and one.finding_id not in seen)
    return changes


def _is_same(stored: StoredFinding, finding: Finding) -> bool:
    return stored.series == finding.series and finding.begin < stored.end and stored.begin < finding.end + finding.step
