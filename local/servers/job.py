"""The attribution job as a child process that is started again when it dies."""

import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from local.errors import RunError
from local.servers import processes, signals
from local.servers.job_log import JobLog

# Limit of restarts in a row without a finished batch, like the retries of a Glue job. Another one would not help.
MAX_RESTARTS = 3
# Folder of spark-defaults.conf and log4j2.properties for a small machine, and of the workers' Python.
SETTINGS = Path(__file__).parent / "spark"
# SPARK_CONF_DIR, which Spark adds to Java's class path. The folder is empty because Java records no class archive (see
# `class_archive`) if a folder on the class path has files in it. It is the same for every run because Java ignores an
# archive that was recorded with another class path.
EMPTY_CONF = Path(sys.prefix) / "spark-conf"


class Job:
    """The job's process and log. Regular calls of `keep_alive` start a dead job again."""

    def __init__(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        log_file: Path,
    ) -> None:
        log_file.unlink(missing_ok=True)
        log_file.touch(mode=0o600)
        self.log = JobLog(log_file)
        self.restarts = 0
        self._restarts_in_a_row = 0
        self._command = [sys.executable, "-m", "runtime.attribution_job", *arguments]
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def batch(self) -> Mapping[str, Any] | None:
        """The job's last log line about a micro-batch; None if it has logged none since it was last started."""
        return self.log.batch

    @property
    def process_id(self) -> int | None:
        """The id of the job's process; None before the first start."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        with signals.deferred():
            self._process = processes.start(self._command, environment=self._environment, log_file=self.log.path)

    def keep_alive(self) -> bool:
        """Reads the log, and starts the job again if it has ended. Returns whether the job was started again.

        Raises:
            RunError: the job has ended too often without finishing a batch; the message has its last error.
        """
        if self.log.update():
            self._restarts_in_a_row = 0
        if self._process is None or self._process.poll() is None:
            return False
        if self._restarts_in_a_row == MAX_RESTARTS:
            raise RunError(f"the job ended {MAX_RESTARTS + 1} times without finishing a batch; {self.where_to_look()}")
        processes.kill(self._process)  # If Python was killed, its Java still runs for a moment.
        self._restarts_in_a_row += 1
        self.restarts += 1
        self.log.batch = None
        self.start()
        return True

    def check(self) -> None:
        """Reads the log.

        Raises:
            RunError: the job has ended.
        """
        self.log.update()
        if self._process and self._process.poll() is not None:
            raise RunError(f"the job ended; {self.where_to_look()}")

    def where_to_look(self) -> str:
        """Returns the part of an error message that names the log and quotes its last error."""
        return f"its log is {self.log.path}; the last error in it:\n{self.log.last_error()}"

    def stop(self) -> None:
        """Stops the job with SIGTERM, on which it finishes its batch first."""
        if self._process:
            processes.stop(self._process)

    def kill(self) -> None:
        if self._process:
            processes.kill(self._process)


def environment(*, java_home: Path | None, java_options: Sequence[str], scratch: Path) -> dict[str, str]:
    """Returns a job's environment variables: Spark is configured by SETTINGS, and temporary files go to `scratch`."""
    EMPTY_CONF.mkdir(exist_ok=True)
    scratch.mkdir(parents=True, exist_ok=True)
    options = [
        f"-Djava.io.tmpdir={scratch}",
        f"-Dlog4j2.configurationFile={SETTINGS / 'log4j2.properties'}",
        *java_options,
    ]
    submit = [
        "--properties-file", str(SETTINGS / "spark-defaults.conf"),
        "--driver-java-options", shlex.join(options),
        "pyspark-shell",
    ]  # fmt: skip
    inherited = {name: value for name, value in os.environ.items() if name != "JAVA_HOME"}
    return (
        inherited
        | worker_environment()
        | {
            "PYSPARK_SUBMIT_ARGS": shlex.join(submit),
            "SPARK_CONF_DIR": str(EMPTY_CONF),
            "SPARK_LOCAL_DIRS": str(scratch),
            "SPARK_LOCAL_IP": "127.0.0.1",
            **({"JAVA_HOME": str(java_home)} if java_home else {}),
        }
    )


def worker_environment() -> dict[str, str]:
    """Returns the environment variables with which Spark's Python workers start fast."""
    return {
        "PYSPARK_PYTHON": str(SETTINGS / "python"),
        "WORKER_PYTHON": sys.executable,
        # NumPy's threads would spin for a moment in each new process.
        "OPENBLAS_NUM_THREADS": "1",
    }
