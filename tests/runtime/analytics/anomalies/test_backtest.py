"""The backtest: its score on one shop, how it counts, and the tables in the documentation."""

import re
from pathlib import Path

import pytest

from local.folder import PROJECT
from runtime.analytics.anomalies.backtest import __main__ as command
from runtime.analytics.anomalies.backtest.days import HISTORY_DAYS, generate
from runtime.analytics.anomalies.backtest.disturbances import Fault, Label
from runtime.analytics.anomalies.backtest.report import SEEDS, Report, markdown
from runtime.analytics.anomalies.backtest.scoring import grouped, score
from runtime.analytics.anomalies.backtest.shop import MINUTES, MONDAY
from runtime.analytics.anomalies.detection import find
from runtime.analytics.anomalies.findings import Finding
from runtime.analytics.anomalies.shop_series import shop_model

HOUR = 60
FIRST, LAST = MONDAY, MONDAY + 7 * 86_400.0


def finding(begin: int, end: int) -> Finding:
    """Returns a finding from one hour to another, whose alarm is at the end of its first step."""
    return Finding(
        series="clicks", begin=MONDAY + 3_600 * begin, end=MONDAY + 3_600 * end - 300, step=300, window=1,
        alarm=MONDAY + 3_600 * begin + 300, expected_low=1, expected_high=2, observed=0, score=5, is_over=True,
    )  # fmt: skip


def test_the_detectors_reach_their_precision_and_recall_on_a_shop() -> None:
    """A part of the report: one of its shops for 70 days with 18 incidents."""
    shop = generate(70, 3, SEEDS[1])
    first, last = (MONDAY + 86_400.0 * day for day in (HISTORY_DAYS, HISTORY_DAYS + 70))
    result = score(find(shop.table, shop_model), shop.labels, first, last)
    assert len(result.minutes) == 18
    assert result.precision >= 0.9
    assert result.recall() >= 0.8
    assert result.false_alarms_a_week <= 1
    median = result.median_minutes(Fault.FAILURE)
    assert median is not None
    assert median <= 15


def test_nights_weekends_and_sales_raise_no_alarm() -> None:
    """A part of the report: the same shop without incidents."""
    shop = generate(70, 0, SEEDS[1])
    assert shop.is_sale[HISTORY_DAYS * MINUTES :].mean() > 0.05
    assert [finding for finding in find(shop.table, shop_model) if finding.alarm > MONDAY + 86_400 * HISTORY_DAYS] == []


def test_overlapping_findings_are_one_alarm() -> None:
    assert [len(group) for group in grouped([finding(1, 3), finding(2, 4), finding(5, 6)])] == [2, 1]


def test_an_alarm_during_an_incident_is_true_and_any_other_false() -> None:
    label = Label(Fault.FAILURE, 2 * HOUR, 4 * HOUR)
    result = score([finding(1, 2), finding(3, 4), finding(6, 7)], [label], FIRST, LAST)
    assert result.minutes == [(Fault.FAILURE, 65.0)]
    assert (result.true_alarms, len(result.false_alarms)) == (1, 2)
    assert result.precision == pytest.approx(1 / 3)
    assert (result.recall(), result.false_alarms_a_week) == (1.0, 2.0)


def test_a_missed_incident_lowers_the_recall() -> None:
    labels = [Label(Fault.BOTS, 0, HOUR), Label(Fault.PRICE, 10 * HOUR, 11 * HOUR)]
    result = score([finding(0, 1)], labels, FIRST, LAST)
    assert (result.recall(), result.recall(Fault.PRICE)) == (0.5, 0.0)


def test_the_tables_are_written_between_the_marks_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = score([finding(0, 1)], [Label(fault, 0, HOUR) for fault in Fault], FIRST, LAST)
    report = Report((1,), {name: [result] for name in ("both", "seasonal baseline", "isolation forest")}, [[]], 7)
    monkeypatch.setattr(command, "run", lambda *_: report)
    file = tmp_path / "page.md"
    file.write_text(f"before\n{command.BEGIN}\nformer\n{command.END}\nafter\n")
    assert command.main(["--write", str(file)]) == 0
    assert file.read_text() == f"before\n{command.BEGIN}\n{markdown(report)}\n{command.END}\nafter\n"
    assert "| a total failure | 1 of 1, 5 min |" in file.read_text()
    file.write_text("no marks")
    with pytest.raises(SystemExit):
        command.main(["--write", str(file)])
    assert file.read_text() == "no marks"


def test_the_documentation_has_the_tables_of_all_shops() -> None:
    tables = command.BETWEEN.findall((PROJECT / "docs" / "analytics.md").read_text())
    assert len(tables) == 1
    shops = re.findall(r"^\| (\d+) \| ([\d.]+) % \| ([\d.]+) % \| ([\d.]+) \| ([\d.]+) \|$", tables[0], re.MULTILINE)
    assert [int(seed) for seed, *_ in shops] == list(SEEDS)
    for _, precision, recall, false_alarms, quiet_alarms in shops:
        assert float(precision) >= 90
        assert float(recall) >= 80
        assert max(float(false_alarms), float(quiet_alarms)) <= 0.05
    assert all(f"| {fault} | " in tables[0] for fault in Fault)
