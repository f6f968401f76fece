"""The changes of stored findings by those of a refresh."""

from dataclasses import replace

from runtime.analytics.anomalies.findings import Finding, joined
from runtime.analytics.anomalies.reconciliation import LATENESS, StoredFinding, reconcile

NOW = 1_000_000.0
FINDING = Finding(
    series="clicks", begin=NOW - 900, end=NOW - 300, step=300, window=1, alarm=NOW - 300, expected_low=10,
    expected_high=20, observed=1, score=9, is_over=False,
)  # fmt: skip
STORED = StoredFinding(7, "clicks", NOW - 900, NOW, False)


def test_a_new_finding_is_added() -> None:
    changes = reconcile([], [FINDING], NOW - 300)
    assert (changes.added, changes.continued, changes.closed) == ([FINDING], [], [])


def test_a_known_finding_changes_nothing() -> None:
    changes = reconcile([STORED], [FINDING], NOW)
    assert (changes.added, changes.continued, changes.closed) == ([], [], [])


def test_a_finding_that_goes_on_or_ends_is_continued() -> None:
    for later in (
        replace(FINDING, end=NOW),
        replace(FINDING, is_over=True),
        replace(FINDING, begin=NOW - 1_200, end=NOW),
    ):
        changes = reconcile([STORED], [later], NOW)
        assert (changes.added, changes.continued, changes.closed) == ([], [(STORED, later)], [])


def test_a_finding_of_another_series_or_time_is_another_one() -> None:
    other_series = replace(FINDING, series="checkouts")
    later = replace(FINDING, begin=NOW + 600, end=NOW + 900, alarm=NOW + 900)
    for other in (other_series, later):
        changes = reconcile([STORED], [other], NOW)
        assert (changes.added, changes.closed) == ([other], [7])


def test_a_finding_that_is_not_found_again_is_over() -> None:
    assert reconcile([STORED], [], NOW).closed == [7]
    assert reconcile([replace(STORED, is_over=True)], [], NOW).closed == []


def test_old_alarms_are_no_news() -> None:
    assert reconcile([], [FINDING], FINDING.alarm + LATENESS).added == []
    assert reconcile([], [FINDING], FINDING.alarm + LATENESS - 1).added == [FINDING]


def test_findings_of_several_steps_that_touch_are_one() -> None:
    coarse = replace(FINDING, begin=NOW - 1_800, end=NOW - 1_800, step=1_800, alarm=NOW, score=20)
    (one,) = joined([coarse, FINDING])
    assert (one.begin, one.end + one.step, one.alarm, one.observed) == (FINDING.begin, NOW, FINDING.alarm, 1)
    apart = replace(FINDING, begin=NOW + 900, end=NOW + 900)
    assert joined([apart, FINDING]) == [FINDING, apart]
