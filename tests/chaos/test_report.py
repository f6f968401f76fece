import ast
import re
from pathlib import Path

import pytest

from chaos import report
from chaos.run import Injected, Outcome
from chaos.schedule import FAULTS
from local.folder import PROJECT


def outcome(seed: int, *faults: tuple[str, float], lost: int = 0) -> Outcome:
    injected = [Injected(name=name, at=1.0, recovery=recovery) for name, recovery in faults]
    return Outcome(seed=seed, join="spark", injected=injected, records=100, lost=lost)


OUTCOMES = [
    outcome(1, ("reads fail", 1.0), ("reads fail", 2.0), ("shard split", 0.5)),
    outcome(2, ("reads fail", 9.0), lost=3),
]


def test_the_table_has_a_row_with_the_results_of_each_fault() -> None:
    rows = {line.split(" | ")[0].strip("| "): line for line in report.lines(OUTCOMES, 2) if line.count("|") > 5}
    assert set(FAULTS) <= set(rows)
    assert rows["reads fail"].endswith("| 3 | 3 | 0 | 0 | 2.0 | 9.0 |")
    assert rows["shard split"].endswith("| 1 | 0 | 0 | 0 | 0.5 | 0.5 |")
    assert "not injected" in rows["disk full"]


def test_the_totals_cover_all_seeds() -> None:
    text = "\n".join(report.lines(OUTCOMES, 2))
    assert '--seed 1 --count 2"' in text
    assert "**1 of 2 seeds**, 200 records,\n4 faults: **3 lost, 0 duplicated, 0 wrong**, in 2 minutes" in text


def test_only_the_text_between_the_marks_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    document = tmp_path / "docs" / "reliability.md"
    document.parent.mkdir()
    document.write_text(f"before {report.BEGIN} old {report.END} after")
    monkeypatch.setattr(report, "DOCUMENT", document)
    monkeypatch.setattr(report, "PROJECT", tmp_path)
    for _ in range(2):
        report.write(OUTCOMES, 2)
    text = document.read_text()
    assert text.startswith("before <!--")
    assert text.endswith("--> after")
    assert " old " not in text
    assert text.count("| reads fail |") == 2


def test_every_test_in_the_report_exists() -> None:
    tests = [fault["test"] for faults in report.catalogue().values() for fault in faults]
    missing = [test for test in tests if test.split("::")[1] not in functions(test.split("::")[0])]
    assert missing == []


def test_every_runbook_in_the_report_exists() -> None:
    headings = re.findall(r"^#+ (.*)$", (PROJECT / "docs" / "operations.md").read_text(), re.MULTILINE)
    runbooks = {fault["runbook"] for faults in report.catalogue().values() for fault in faults}
    assert runbooks - set(headings) == set()


def functions(path: str) -> set[str]:
    """Returns the names of the functions that the Python file defines."""
    tree = ast.parse((PROJECT / path).read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_the_document_has_both_marks() -> None:
    text = report.DOCUMENT.read_text()
    assert text.index(report.BEGIN) < text.index(report.END)
