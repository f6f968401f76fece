import json
import signal
import time
from pathlib import Path

import pytest

from local.errors import RunError
from local.servers import processes
from local.servers.job import MOST_RESTARTS, Job, environment
from local.servers.job_log import JobLog
from tests.waiting import wait_until


class ShellJob(Job):
    """A job that is a shell script."""

    def __init__(self, script: str, log_file: Path) -> None:
        super().__init__([], {}, log_file)
        self._command = ["/bin/sh", "-c", script]


def keep_alive_until_it_gives_up(job: Job) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        job.keep_alive()
        time.sleep(0.02)


def test_a_job_that_keeps_dying_is_given_up_with_its_last_error(tmp_path: Path) -> None:
    job = ShellJob("echo 'java.lang.OutOfMemoryError: heap'; echo bye; exit 1", tmp_path / "job.log")
    job.start()
    with pytest.raises(RunError, match="OutOfMemoryError: heap"):
        keep_alive_until_it_gives_up(job)
    assert job.restarts == MOST_RESTARTS


def test_a_job_that_makes_progress_is_started_again_each_time(tmp_path: Path) -> None:
    batch = json.dumps({"message": "batch", "batch_ms": 5})
    job = ShellJob(f"echo '{batch}'; exec sleep 60", tmp_path / "job.log")
    job.start()
    for restarts in range(MOST_RESTARTS + 2):
        wait_until(job.log.update)
        assert job._process
        job._restarts_in_a_row = 0
        job._process.send_signal(signal.SIGKILL)
        wait_until(job.keep_alive)
        assert job.restarts == restarts + 1
    job.kill()


def test_stopping_asks_first_and_takes_children_along(tmp_path: Path) -> None:
    script = "trap 'echo asked; exit 0' TERM; sleep 60 & echo up; wait"
    log = tmp_path / "job.log"
    processes.STOP_SECONDS, before = 1, processes.STOP_SECONDS
    try:
        process = processes.start(["/bin/sh", "-c", script], environment={}, log_file=log)
        wait_until(lambda: "up" in log.read_text())
        processes.stop(process)
    finally:
        processes.STOP_SECONDS = before
    assert log.read_text().split() == ["up", "asked"]
    assert process.returncode == 0
    wait_until(lambda: not processes._session_lives(process))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "job.log"
    path.touch()
    return path


def test_the_log_gives_the_last_whole_line_about_a_batch(log: Path) -> None:
    job_log = JobLog(log)
    assert not job_log.update()
    log.write_text('WARN something\n[1]\n{"message": "batch", "batch_id": 1}\n{"message": "other"}\n{"message": "ba')
    assert job_log.update()
    assert job_log.batch == {"message": "batch", "batch_id": 1}
    assert not job_log.update()
    with log.open("a") as more:
        more.write('tch", "batch_id": 2}\n')
    assert job_log.update()
    assert job_log.batch == {"message": "batch", "batch_id": 2}


def test_a_log_without_an_error_gives_its_last_line(log: Path) -> None:
    assert JobLog(log).last_error() == "it wrote nothing"
    log.write_text("one\ntwo\n\n")
    assert JobLog(log).last_error() == "two"


def test_wherever_a_job_runs_java_has_the_class_path_that_its_archive_was_made_with(tmp_path: Path) -> None:
    """Of the folders on it, this is the one that is ours to choose."""
    one, other = (environment(java_home=None, java_options=[], scratch=tmp_path / name) for name in ("one", "other"))
    assert one["SPARK_CONF_DIR"] == other["SPARK_CONF_DIR"]
    assert list(Path(one["SPARK_CONF_DIR"]).iterdir()) == []
    assert one["SPARK_LOCAL_DIRS"] != other["SPARK_LOCAL_DIRS"]
