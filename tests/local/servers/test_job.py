import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pyspark
import pytest

from local.errors import RunError
from local.servers import processes
from local.servers.job import MAX_RESTARTS, Job, environment, worker_environment
from local.servers.job_log import JobLog
from tests.waiting import wait_until


class ShellJob(Job):
    """A job whose process runs a shell script."""

    def __init__(self, script: str, log_file: Path) -> None:
        super().__init__([], {}, log_file)
        self._command = ["/bin/sh", "-c", script]


def keep_alive_until_it_raises(job: Job) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        job.keep_alive()
        time.sleep(0.02)


def test_a_job_that_keeps_dying_raises_an_error_with_its_last_error(tmp_path: Path) -> None:
    job = ShellJob("echo 'java.lang.OutOfMemoryError: heap'; echo bye; exit 1", tmp_path / "job.log")
    job.start()
    with pytest.raises(RunError, match="OutOfMemoryError: heap"):
        keep_alive_until_it_raises(job)
    assert job.restarts == MAX_RESTARTS


def test_a_job_that_makes_progress_is_started_again_after_each_death(tmp_path: Path) -> None:
    batch = json.dumps({"message": "batch", "batch_ms": 5})
    job = ShellJob(f"echo '{batch}'; exec sleep 60", tmp_path / "job.log")
    job.start()
    for restarts in range(MAX_RESTARTS + 2):
        wait_until(job.log.update)
        assert job._process
        job._restarts_in_a_row = 0
        job._process.send_signal(signal.SIGKILL)
        wait_until(job.keep_alive)
        assert job.restarts == restarts + 1
    job.kill()


def test_stopping_sends_sigterm_and_ends_the_child_processes(tmp_path: Path) -> None:
    script = "trap 'echo terminated; exit 0' TERM; sleep 60 & echo up; wait"
    log = tmp_path / "job.log"
    processes.STOP_SECONDS, stop_seconds = 1, processes.STOP_SECONDS
    try:
        process = processes.start(["/bin/sh", "-c", script], environment={}, log_file=log)
        wait_until(lambda: "up" in log.read_text())
        processes.stop(process)
    finally:
        processes.STOP_SECONDS = stop_seconds
    assert log.read_text().split() == ["up", "terminated"]
    assert process.returncode == 0
    wait_until(lambda: not processes._session_lives(process))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "job.log"
    path.touch()
    return path


def test_the_log_returns_the_last_complete_line_about_a_batch(log: Path) -> None:
    job_log = JobLog(log)
    assert not job_log.update()
    log.write_text('WARN something\n[1]\n{"message": "batch", "batch_id": 1}\n{"message": "other"}\n{"message": "ba')
    assert job_log.update()
    assert job_log.batch == {"message": "batch", "batch_id": 1}
    assert not job_log.update()
    with log.open("a") as log_file:
        log_file.write('tch", "batch_id": 2}\n')
    assert job_log.update()
    assert job_log.batch == {"message": "batch", "batch_id": 2}


def test_the_last_line_is_the_error_of_a_log_without_errors(log: Path) -> None:
    assert JobLog(log).last_error() == "the log is empty"
    log.write_text("one\ntwo\n\n")
    assert JobLog(log).last_error() == "two"


def test_every_job_has_the_class_path_of_the_class_archive(tmp_path: Path) -> None:
    """SPARK_CONF_DIR is the only folder on the class path that the environment determines."""
    first, second = (
        environment(java_home=None, java_options=[], scratch=tmp_path / name) for name in ("first", "second")
    )
    assert first["SPARK_CONF_DIR"] == second["SPARK_CONF_DIR"]
    assert list(Path(first["SPARK_CONF_DIR"]).iterdir()) == []
    assert first["SPARK_LOCAL_DIRS"] != second["SPARK_LOCAL_DIRS"]


def test_a_worker_imports_the_installed_packages_instead_of_the_zips_of_spark(tmp_path: Path) -> None:
    library = Path(pyspark.__file__).parent / "python" / "lib"
    zips = [str(library / "pyspark.zip"), *map(str, library.glob("py4j-*.zip"))]
    variables = worker_environment()
    process = subprocess.run(
        [variables["PYSPARK_PYTHON"], "-c", "import pyspark, sys; print(pyspark.__file__, *sys.path)"],
        env=os.environ | variables | {"PYTHONPATH": os.pathsep.join([*zips, "spark-core.jar", *zips, str(tmp_path)])},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    imported, *path = process.stdout.split()
    assert imported == pyspark.__file__
    assert not {*zips} & {*path}
    assert str(tmp_path) in path
