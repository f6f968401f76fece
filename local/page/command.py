"""The command dashboard: serves the page over the deployed database, or over $DATABASE_URL."""

import argparse
import os
from contextlib import suppress

from psycopg.conninfo import make_conninfo

from local import deployed_database
from local.cloud import environment
from local.errors import InputError, RunError
from runtime.dashboard import server


def add_parser(command: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = command.add_parser(
        "dashboard",
        help="serve the page that shows the pipeline live, in a browser on this machine",
        description="Serves the page over the database of the demo or of `up`, also after they have ended, or over"
        " DATABASE_URL, until Ctrl-C. The page only reads, as the analyst, and is served to this machine only.",
    )
    parser.add_argument(
        "--port", type=int, help=f"port (default: {server.DEFAULT_PORT}, or any free one if it is in use)"
    )
    parser.set_defaults(run=lambda arguments: run(arguments.port))


def run(port: int | None) -> int:
    """Serves the page until a termination signal. The deployed database server runs until then at least.

    Raises:
        InputError: there is no database, $DATABASE_URL is malformed, or the port is in use.
    """
    with deployed_database.login() as parameters:
        url = make_conninfo(**parameters)
        try:
            listener = server.listen(port)
        except OSError as error:
            raise InputError(f"port {port} cannot be used: {error.strerror}; choose another one with --port") from None
        with listener:
            print(f"the page: {server.address(listener)} (Ctrl-C ends it)", flush=True)
            # Ctrl-C is the usual end.
            with suppress(KeyboardInterrupt):
                server.serve(listener, (lambda: url) if os.environ.get("DATABASE_URL") else _deployed)
    return 0


def _deployed() -> str | None:
    """Returns the URL of the deployed database, whose port changes with each start; None while it is down."""
    try:
        return environment.database_url()
    except RunError:
        return None
