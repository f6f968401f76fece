"""The simulation in a smaller form: every check passes, and the report says when one does not."""

import numpy as np
import pytest

from runtime.analytics.experiments.simulation import Check, checks, main, report


def test_simulated_experiments_keep_their_limits() -> None:
    results = list(checks(np.random.default_rng(19), runs=2_000, days=14, users_a_day=400))
    assert len(results) == 12
    assert [check.name for check in results if not check.is_passed] == []


def test_daily_looks_at_the_fixed_test_find_what_is_not_there() -> None:
    results = list(checks(np.random.default_rng(19), runs=500, days=28, users_a_day=200))
    (peeking,) = [check for check in results if "z test finds a lift at one of the daily looks" in check.name]
    assert peeking.measured > 0.2


def test_the_report_names_the_checks_outside_their_limits() -> None:
    table = report([Check("a", 2_000, 0.05, 0.07), Check("b", 2_000, 0.05, 0.01, is_upper_limit=True)])
    assert table.splitlines()[2:] == [
        "| a | 2,000 | 4.0 % to 6.0 % | 7.0 % **outside** |",
        "| b | 2,000 | at most 5.0 % | 1.0 % |",
    ]


def test_the_command_prints_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--runs", "200", "--days", "7", "--seed", "3"]) in (0, 1)
    assert capsys.readouterr().out.startswith("| Simulated experiments | Runs | Limits | Measured |\n|---|")


def test_the_command_refuses_no_runs(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--runs", "0"])
    assert "at least 1" in capsys.readouterr().err
