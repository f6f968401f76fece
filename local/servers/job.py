"""The attribution job as a child process, and what its log tells."""

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

# Like a Glue job's retries: one that dies this often in a row without finishing a batch will not recover.
MOST_RESTARTS = 3
# spark-defaults.conf and log4j2.properties for a small machine.
SETTINGS = Path(__file__).parent / "spark"
# It is on Java's class path. Java makes no archive of classes (see `warm_up`) where a folder there has files in it, and
# uses none where the path is another than when it was made: so this one is empty, and the same for every run.
NO_SETTINGS = Path(sys.prefix) / "spark-conf"


class Job:
    """Started with `start`; `keep_alive`, called every now and then, starts it again when it has died."""

    def __init__(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        log_file: Path,
        *,
        python: Path = Path(sys.executable),
    ) -> None:
        log_file.unlink(missing_ok=True)
        log_file.touch(mode=0o600)
        self.log = JobLog(log_file)
        self.restarts = 0
        self._restarts_in_a_row = 0
        self._command = [str(python), "-m", "runtime.attribution_job", *arguments]
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def batch(self) -> Mapping[str, Any] | None:
        return self.log.batch

    def start(self) -> None:
        with signals.held():
            self._process = processes.start(self._command, environment=self._environment, log_file=self.log.path)

    def keep_alive(self) -> bool:
        """Reads the log, and starts the job again if it has ended; true when it did.

        Raises:
            RunError: it keeps dying; the message has its last error.
        """
        if self.log.update():
            self._restarts_in_a_row = 0
        if self._process is None or self._process.poll() is None:
            return False
        if self._restarts_in_a_row == MOST_RESTARTS:
            raise RunError(f"the job ended {MOST_RESTARTS + 1} times without finishing a batch; {self.where_to_look()}")
        processes.kill(self._process)  # Java outlives a killed Python for a moment.
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
        return f"its log is {self.log.path}; the last error in it:\n{self.log.last_error()}"

    def stop(self) -> None:
        """Lets it finish its batch."""
        if self._process:
            processes.stop(self._process)

    def kill(self) -> None:
        if self._process:
            processes.kill(self._process)


def environment(*, java_home: Path | None, java_options: Sequence[str], scratch: Path) -> dict[str, str]:
    """What a job is started with: Spark as SETTINGS say, temporary files under `scratch`."""
    NO_SETTINGS.mkdir(exist_ok=True)
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
    return inherited | {
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_SUBMIT_ARGS": shlex.join(submit),
        "SPARK_CONF_DIR": str(NO_SETTINGS),
        "SPARK_LOCAL_DIRS": str(scratch),
        "SPARK_LOCAL_IP": "127.0.0.1",
        **({"JAVA_HOME": str(java_home)} if java_home else {}),
    }
