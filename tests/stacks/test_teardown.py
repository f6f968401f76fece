import itertools
import subprocess
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from stacks import teardown


class Glue:
    """A fake Glue client. Each status request moves to the next of `states`; the last state stays."""

    class exceptions:  # noqa: N801 - boto3's name
        class EntityNotFoundException(Exception):  # noqa: N818
            pass

    def __init__(self, states: list[str]) -> None:
        self.states = itertools.chain(states, itertools.repeat(states[-1]))


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.count(step=100)
    # Other threads of the process must not move the clock.
    monkeypatch.setattr(teardown, "time", SimpleNamespace(sleep=lambda _: None, monotonic=lambda: next(clock)))
    monkeypatch.setattr(teardown, "stop", lambda *_: {})
    monkeypatch.setattr(teardown, "status", lambda glue, _: {"state": next(glue.states)})


@pytest.mark.usefixtures("no_waiting")
def test_teardown_waits_for_the_end_of_the_run() -> None:
    glue: Any = Glue(["RUNNING", "STOPPING", "STOPPED"])
    teardown.stop_job(glue, "job")
    assert next(glue.states) == "STOPPED"


@pytest.mark.usefixtures("no_waiting")
def test_waiting_for_the_end_of_the_run_times_out() -> None:
    glue: Any = Glue(["STOPPING"])
    with pytest.raises(TimeoutError, match="the run of job is still STOPPING after 600 s"):
        teardown.stop_job(glue, "job")


def test_a_job_that_does_not_exist_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    def raise_not_found(*_: object) -> None:
        raise Glue.exceptions.EntityNotFoundException

    monkeypatch.setattr(teardown, "stop", raise_not_found)
    glue: Any = Glue(["RUNNING"])
    teardown.stop_job(glue, "job")


def test_an_environment_that_keeps_its_data_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["teardown", "prod"])
    with pytest.raises(SystemExit):
        teardown.main()
    assert "prod keeps its data" in capsys.readouterr().err


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The results of the teardown's steps, by name and in their order. `done` has the names of the steps that ran."""
    results: dict[str, Any] = {
        "disable_start": None,
        "stop_job": None,
        "physical_ids": ["vpc-1"],
        "detach_functions": None,
        "wait_for_interfaces": None,
        "empty_buckets": None,
        "destroy": 0,
        "sweep_log_groups": None,
        "remaining_resources": [],
        "done": [],
    }

    def step(name: str) -> Any:
        def take(*_: object) -> object:
            results["done"].append(name)
            if isinstance(results[name], BaseException):
                raise results[name]
            return results[name]

        return take

    monkeypatch.setattr("sys.argv", ["teardown", "dev"])
    monkeypatch.setattr("boto3.client", lambda _: None)
    for name in results.keys() - {"done"}:
        monkeypatch.setattr(teardown, name, step(name))
    return results


def test_the_teardown_steps_run_in_order(steps: dict[str, Any]) -> None:
    assert teardown.main() == 0
    assert [*steps["done"], "done"] == list(steps)


def test_a_failed_removal_still_sweeps_and_lists_what_remains(
    steps: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    steps |= {"destroy": 1, "remaining_resources": ["arn:aws:ec2:eu-west-1:1:vpc/vpc-1"]}
    assert teardown.main() == 1
    assert "sweep_log_groups" in steps["done"]
    assert "remains: arn:aws:ec2:eu-west-1:1:vpc/vpc-1" in capsys.readouterr().out


def test_an_environment_without_stacks_is_only_swept(steps: dict[str, Any]) -> None:
    steps["physical_ids"] = []
    assert teardown.main() == 0
    assert "wait_for_interfaces" not in steps["done"]
    assert "sweep_log_groups" in steps["done"]


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (TimeoutError("vpc-1 still has network interfaces"), 1, "teardown: vpc-1 still has network interfaces\n"),
        (KeyboardInterrupt(), 130, "teardown: interrupted; run it again to continue\n"),
    ],
)
def test_a_teardown_that_ends_early_removes_nothing_and_says_why(
    steps: dict[str, Any], capsys: pytest.CaptureFixture[str], error: BaseException, status: int, message: str
) -> None:
    steps["wait_for_interfaces"] = error
    assert teardown.main() == status
    assert "destroy" not in steps["done"]
    assert capsys.readouterr().err == message


def test_the_start_schedule_is_disabled_if_there_is_one(emulator: str) -> None:
    events = boto3.client("events")
    teardown.disable_start(events, "no-such-rule")
    events.put_rule(Name="start-job", ScheduleExpression="rate(1 day)")
    teardown.disable_start(events, "start-job")
    assert events.describe_rule(Name="start-job")["State"] == "DISABLED"
    events.delete_rule(Name="start-job")


def test_removing_the_pipeline_keeps_the_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[tuple[str, ...]] = []

    def destroy(*arguments: str) -> int:
        done.append(arguments)
        return 0

    monkeypatch.setattr("sys.argv", ["teardown", "pipeline"])
    monkeypatch.setattr("boto3.client", lambda _: None)
    monkeypatch.setattr(teardown, "empty_buckets", lambda _, stack: done.append((stack,)))
    monkeypatch.setattr(teardown, "destroy", destroy)
    assert teardown.main() == 0
    assert done == [("ecommerce-streaming-pipeline",), ("Pipeline", "pipeline")]


def test_the_cli_receives_the_stage_and_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[list[str]] = []

    def run(command: list[str], check: bool) -> subprocess.CompletedProcess[bytes]:
        commands.append(command)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr("subprocess.run", run)
    assert teardown.destroy("Dev/**", "dev") == 0
    assert commands == [["npx", "cdk", "destroy", "Dev/**", "--force", "-c", "env=dev"]]
