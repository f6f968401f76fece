"""The page beside a running pipeline: a child process that starts before there is a database."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Self

from local.folder import data_folder
from local.servers import processes, signals
from runtime.dashboard import server

START_SECONDS = 10


class PageProcess:
    """Serves the page within its `with` block. The pipeline runs on when the page fails.

    `address`: the page's URL.
    """

    def __init__(self) -> None:
        with server.listen(None) as listener:
            self._port = listener.getsockname()[1]
            self.address = server.address(listener)
        self._log_file = data_folder() / "page.log"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._login_file.unlink(missing_ok=True)
        options = [f"--port={self._port}", f"--login-file={self._login_file}"]
        with signals.deferred():
            # On a busy machine the pipeline has precedence over the page.
            self._process = processes.start(
                ["nice", "-n", "5", sys.executable, "-m", "runtime.dashboard", *options],
                environment=os.environ,
                log_file=self._log_file,
            )
        # The address is printed next, and should work at once.
        processes.wait_until_listening(self._port, START_SECONDS, lambda: self.failure is None)
        return self

    def __exit__(self, *_: object) -> None:
        if self._process:
            processes.stop(self._process)
        self._login_file.unlink(missing_ok=True)

    def connect(self, database_url: str) -> None:
        """Tells the page its database. Until then it says that the pipeline is starting."""
        self._login_file.touch(mode=0o600)
        self._login_file.write_text(database_url)

    @property
    def failure(self) -> str | None:
        """Report that the page has ended, with the path of its log; null while it runs."""
        if self._process and self._process.poll() is not None:
            return f"the page has ended; its log: {self._log_file}"
        return None

    @property
    def _login_file(self) -> Path:
        return data_folder() / "page.login"
