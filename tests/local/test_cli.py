import os
import signal
from pathlib import Path

import pytest

from local.folder import locked
from tests.local.commands import leftovers, run, started


def test_help_lists_the_commands_and_the_environment(tmp_path: Path) -> None:
    result = run(tmp_path, "--help")
    assert result.returncode == 0
    for word in (
        "demo",
        "replay",
        "check",
        "load",
        "export",
        "dashboard",
        "refresh",
        "up",
        "down",
        "logs",
        "psql",
        "status",
        "reset",
        "DATABASE_URL",
        "KINESIS_ENDPOINT_URL",
        "exit status",
    ):
        assert word in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "required: COMMAND"),
        (["fly"], "invalid choice: 'fly'"),
        (["demo", "--for", "soon"], "--for: soon: expected a number above 0"),
        (["demo", "--for", "0"], "--for: 0: expected a number above 0"),
        (["demo", "--rate", "nan"], "--rate: nan: expected a number above 0"),
        (["demo", "--rte", "5"], "unrecognized arguments: --rte 5"),
        (["demo", "--report", "/nowhere/report.json"], "/nowhere/report.json: cannot be written"),
        (["replay", "a.jsonl", "b.jsonl"], "required: --output"),
        (
            ["replay", "/nowhere/a", "/nowhere/b", "--output", "out.csv"],
            "/nowhere/a: No such file or directory",
        ),
        (["replay", "local", "local", "--output", "out.csv"], "local: not a file"),
        (["replay", "Makefile", "Makefile", "--output", "/nowhere/out.csv"], "cannot be written"),
        (["replay", "Makefile", "Makefile", "--output", "Makefile"], "the output would replace an input"),
        (["load", "clicks", "clicks.csv"], "invalid choice: 'clicks'"),
        (["export", "net_checkouts"], "nothing has been deployed yet"),
        (["refresh"], "nothing has been deployed yet"),
        (["psql"], "nothing has been deployed yet"),
    ],
    ids=" ".join,
)
def test_an_invalid_command_prints_its_problem_and_exits_with_status_2(
    tmp_path: Path, arguments: list[str], message: str
) -> None:
    result = run(tmp_path, *arguments)
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert result.returncode == 2
    assert result.stdout == ""


def test_an_unreachable_kinesis_is_named_in_the_error(tmp_path: Path) -> None:
    result = run(
        tmp_path,
        "demo",
        KINESIS_ENDPOINT_URL="http://127.0.0.1:9",
        AWS_ACCESS_KEY_ID="x",
        AWS_SECRET_ACCESS_KEY="x",
    )
    assert "http://127.0.0.1:9" in result.stderr
    assert "Traceback" not in result.stderr
    assert result.returncode == 2


def test_a_malformed_database_url_is_refused_without_printing_its_password(tmp_path: Path) -> None:
    result = run(tmp_path, "psql", DATABASE_URL="postgres:/writer:s3cret@db/shop")
    assert "DATABASE_URL: expected postgresql://USER:PASSWORD@HOST:PORT/DATABASE" in result.stderr
    assert "s3cret" not in result.stdout + result.stderr
    assert result.returncode == 2


def test_a_second_command_fails_at_once_and_names_the_running_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCAL_FOLDER", str(tmp_path))
    with locked("demo"):
        for command in (["demo"], ["reset"]):
            result = run(tmp_path, *command)
            assert f"demo (process {os.getpid()}) is using {tmp_path}" in result.stderr
            assert result.returncode == 2


def test_status_and_reset_work_without_a_data_folder(tmp_path: Path) -> None:
    status = run(tmp_path / "none", "status")
    assert "not created yet" in status.stdout
    assert status.returncode == 0
    reset = run(tmp_path / "none", "reset")
    assert "nothing to remove" in reset.stdout
    assert reset.returncode == 0


def test_reset_removes_the_data_folder_and_names_it(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    (folder / "postgres").mkdir(parents=True)
    (folder / "job.log").write_text("x")
    result = run(folder, "reset")
    assert f"removed {folder}" in result.stdout
    assert not folder.exists()


def test_an_interrupt_during_the_start_cleans_up_without_a_traceback(tmp_path: Path) -> None:
    with started(tmp_path, "demo", "--headless") as demo:
        assert demo.stdout
        while "publishing the assets" not in demo.stdout.readline():
            pass
        demo.send_signal(signal.SIGTERM)
        _, err = demo.communicate(timeout=60)
    assert demo.returncode == 130
    assert "Traceback" not in err
    assert leftovers(tmp_path) == []
