"""Runs over a small project: what is caught, what survives, and what stays as it was."""

from contextlib import closing
from pathlib import Path
from threading import Event

import pytest

from mutants import __main__ as command
from mutants import nearby, report, run
from mutants.mutant import NO_CHANGE, Mutant, Outcome, mutants_of, sample

SOURCE = "def is_adult(age: int) -> bool:\n    return age >= 18\n"
TEST = "from runtime.attribution_job.join.ages import is_adult\n\n\ndef test_ages() -> None:\n    assert is_adult(20)\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a project with one module, whose test does not look at the boundary."""
    project = tmp_path / "project"
    for path, text in (("join/ages.py", SOURCE), ("__init__.py", ""), ("join/__init__.py", "")):
        file = project / nearby.JOB / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    (project / "runtime" / "__init__.py").touch()
    (project / "tests").mkdir()
    (project / "tests" / "test_ages.py").write_text(TEST)
    monkeypatch.setattr(run, "PROJECT", project)
    monkeypatch.setattr(command, "PROJECT", project)
    for name in ("tests_of", "all_tests_of"):
        monkeypatch.setattr(nearby, name, lambda _: ["tests/test_ages.py"])
    monkeypatch.setattr("local.servers.signals.clean_up_when_interrupted", lambda: None)
    monkeypatch.setenv("LOCAL_FOLDER", str(tmp_path / "local"))
    return project


def outcomes(project: Path, folder: Path) -> dict[str, Outcome]:
    with closing(run.outcomes_of(mutants_of(project, []), 1, folder)) as tested:
        return {mutant.change.text: outcome for mutant, outcome, _ in tested}


def test_a_mutant_is_caught_or_survives_and_the_project_stays(project: Path, tmp_path: Path) -> None:
    (project / "tests" / "test_ages.py").write_text(TEST + "    assert is_adult(18)\n")
    assert outcomes(project, tmp_path / "copies") == {">": "caught", "19": "caught"}
    (project / "tests" / "test_ages.py").write_text(TEST)
    assert outcomes(project, tmp_path / "copies") == {">": "survived", "19": "survived"}
    assert (project / nearby.JOB / "join" / "ages.py").read_text() == SOURCE
    assert not (tmp_path / "copies").exists()


def test_tests_that_fail_without_a_change_end_the_run(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "tests" / "test_ages.py").write_text("def test_nothing() -> None:\n    assert False\n")
    monkeypatch.setattr("sys.argv", ["mutants", "--workers", "1"])
    assert command.main() == 1
    assert "the tests of join/ages.py without a change fail: tests/test_ages.py" in capsys.readouterr().err


def test_tests_without_an_end_are_stopped(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "FILE_SECONDS", 0.5)
    (project / "tests" / "test_ages.py").write_text("import time\n\n\ndef test_ages() -> None:\n    time.sleep(60)\n")
    copy = run.Copy(tmp_path / "copy", Event())
    assert copy.outcome(mutants_of(project, [])[0]) == "stopped"


def test_the_command_counts_mutants_goes_on_and_fails_below_the_share(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["mutants", "join", "--sample", "1", "--workers", "1"])
    assert command.main() == 1
    assert "| all | 1 | 0 | 1 | 0 % |\n\nsurvived: join/ages.py:2: " in capsys.readouterr().out
    monkeypatch.setattr("sys.argv", ["mutants", "--continue", "--workers", "1"])
    assert command.main() == 1
    assert "1 mutants to test" in capsys.readouterr().out
    (project / "tests" / "test_ages.py").write_text(TEST + "    assert is_adult(18)\n")
    monkeypatch.setattr("sys.argv", ["mutants", "--survivors", "--workers", "1"])
    assert command.main() == 0
    assert "| all | 2 | 2 | 0 | 100 % |" in capsys.readouterr().out


def test_a_seed_draws_the_same_mutants_again_and_a_smaller_sample_is_the_beginning_of_a_larger_one() -> None:
    mutants = [Mutant("file", line, "", NO_CHANGE) for line in range(100)]
    assert sample(mutants, 7, seed=3) == sample(mutants, 20, seed=3)[:7] != sample(mutants, 7, seed=4)


def test_the_newest_outcome_of_a_mutant_counts(tmp_path: Path, project: Path) -> None:
    mutant: Mutant = mutants_of(project, [])[0]
    for outcome in ("survived", "caught"):
        report.store(tmp_path / "outcomes", mutant, outcome)
    assert report.read(tmp_path / "outcomes") == {mutant.key: "caught"}
