import itertools
import subprocess
from typing import Any

import pytest

from stacks import teardown


class Glue:
    """A job whose run takes two looks to stop."""

    class exceptions:  # noqa: N801 - boto3's name
        class EntityNotFoundException(Exception):  # noqa: N818
            pass

    def __init__(self, states: list[str]) -> None:
        self.states = itertools.chain(states, itertools.repeat(states[-1]))


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.count(step=100)
    monkeypatch.setattr("time.sleep", lambda _: None)
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    monkeypatch.setattr(teardown, "stop", lambda *_: {})
    monkeypatch.setattr(teardown, "status", lambda glue, _: {"state": next(glue.states)})


def test_it_waits_for_the_end_of_the_run() -> None:
    glue: Any = Glue(["RUNNING", "STOPPING", "STOPPED"])
    teardown.stop_job(glue, "job")
    assert next(glue.states) == "STOPPED"


def test_it_does_not_wait_for_ever() -> None:
    glue: Any = Glue(["STOPPING"])
    with pytest.raises(TimeoutError, match="the run of job is still STOPPING after 600 s"):
        teardown.stop_job(glue, "job")


def test_a_job_that_is_gone_is_no_obstacle(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object) -> None:
        raise Glue.exceptions.EntityNotFoundException

    monkeypatch.setattr(teardown, "stop", gone)
    glue: Any = Glue(["RUNNING"])
    teardown.stop_job(glue, "job")


def test_an_environment_that_keeps_its_data_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["teardown", "prod"])
    with pytest.raises(SystemExit):
        teardown.main()
    assert "prod keeps its data" in capsys.readouterr().err


def test_the_steps_come_in_an_order_that_can_succeed(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    def step(name: str, result: object) -> Any:
        def take(*_: object) -> object:
            done.append(name)
            return result

        return take

    monkeypatch.setattr("sys.argv", ["teardown", "dev"])
    monkeypatch.setattr("boto3.client", lambda _: None)
    for name, result in (
        ("stop_job", None),
        ("empty_buckets", None),
        ("destroy", 0),
        ("sweep_log_groups", None),
        ("remaining", []),
    ):
        monkeypatch.setattr(teardown, name, step(name, result))
    assert teardown.main() == 0
    assert done == ["stop_job", "empty_buckets", "destroy", "sweep_log_groups", "remaining"]


def test_removing_the_pipeline_leaves_the_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[tuple[str, ...]] = []

    def destroy(*what: str) -> int:
        done.append(what)
        return 0

    monkeypatch.setattr("sys.argv", ["teardown", "pipeline"])
    monkeypatch.setattr("boto3.client", lambda _: None)
    monkeypatch.setattr(teardown, "empty_buckets", lambda _, stack: done.append((stack,)))
    monkeypatch.setattr(teardown, "destroy", destroy)
    assert teardown.main() == 0
    assert done == [("ecommerce-streaming-pipeline",), ("Pipeline", "pipeline")]


def test_the_cli_is_told_the_stage_and_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[list[str]] = []

    def run(command: list[str], check: bool) -> subprocess.CompletedProcess[bytes]:
        commands.append(command)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr("subprocess.run", run)
    assert teardown.destroy("Dev/**", "dev") == 0
    assert commands == [["npx", "cdk", "destroy", "Dev/**", "--force", "-c", "env=dev"]]
