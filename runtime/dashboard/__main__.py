"""Command line of the page: `python -m runtime.dashboard`."""

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from runtime.dashboard import server
from runtime.dashboard.database import Login
from runtime.database.connection import connection_string

EPILOG = """\
environment:
  DATABASE_URL      the database
  DATABASE_SECRET   a secret in Secrets Manager with the login, instead of DATABASE_URL

The login is that of pipeline_analyst, or one that may take its role. The page only reads.

exit status:
  0    ended by Ctrl-C or SIGTERM
  2    the command, the login or the port cannot be used
"""


def main(argv: Sequence[str]) -> int:
    arguments = parser().parse_args(argv)
    login = from_file(arguments.login_file) if arguments.login_file else _from_environment
    try:
        if not arguments.login_file:
            login()
    except (RuntimeError, ValueError) as error:
        print(f"python -m runtime.dashboard: {error}", file=sys.stderr)
        return 2
    try:
        listener = server.listen(arguments.port)
    except OSError as error:
        print(f"python -m runtime.dashboard: port {arguments.port}: {error.strerror}", file=sys.stderr)
        return 2
    with listener:
        print(f"the page is at {server.address(listener)}; Ctrl-C ends it", flush=True)
        # Ctrl-C is the usual end.
        with suppress(KeyboardInterrupt):
            server.serve(listener, login)
    return 0


def parser() -> argparse.ArgumentParser:
    page = argparse.ArgumentParser(
        prog="python -m runtime.dashboard",
        description="Serves the page that shows the pipeline live, on this machine only.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    page.add_argument(
        "--port", type=int, help=f"port (default: {server.DEFAULT_PORT}, or any free one if it is in use)"
    )
    page.add_argument(
        "--login-file",
        type=Path,
        metavar="FILE",
        help="file with the connection string, which may be written later; until then the page says that the pipeline"
        " is starting",
    )
    return page


def from_file(path: Path) -> Login:
    """Returns a login that reads a connection string from a file; None while there is no file."""

    def read() -> str | None:
        try:
            return path.read_text().strip() or None
        except FileNotFoundError:
            return None

    return read


def _from_environment() -> str:
    return connection_string(os.environ.get("DATABASE_SECRET"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
