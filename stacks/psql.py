"""`python -m stacks.psql dev`: opens psql on a deployed database, as the analyst, through a tunnel."""

import argparse
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence

from botocore.exceptions import BotoCoreError, ClientError, NoRegionError

from local.servers import signals
from stacks.tunnel import TunnelError, require, tunnel

INSTALL = "install PostgreSQL's client, for example by `apt-get install postgresql-client` or `brew install libpq`"
# libpq's parameters → its environment variables. Other users of this machine can read arguments, but no environment.
VARIABLES = {
    "host": "PGHOST", "hostaddr": "PGHOSTADDR", "port": "PGPORT", "dbname": "PGDATABASE", "user": "PGUSER",
    "password": "PGPASSWORD", "sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT",
}  # fmt: skip
EPILOG = """\
examples:
  python -m stacks.psql dev
  python -m stacks.psql dev -c 'select count(*) from attributed_checkouts'
  python -m stacks.psql prod --csv -f report.sql > report.csv

The environment needs a host for tunnels (analyst_host in stacks/config.py). This machine needs psql, the AWS CLI and
its Session Manager plugin. docs/analyst-access.md lists the permissions that you need in AWS, and describes CloudShell,
which needs no host. The database role may only read.

exit status: that of psql; 1 if the tunnel cannot be opened; 130 if interrupted
"""


def main(argv: Sequence[str]) -> int:
    """Runs psql until it ends; a failure to open the tunnel is one line on standard error and exit status 1."""
    signals.clean_up_when_interrupted()
    parser = argparse.ArgumentParser(
        prog="python -m stacks.psql",
        description="Opens psql on the database of a deployed environment, as the analyst, through Session Manager.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("environment", help="dev or prod")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, metavar="...", help="arguments of psql")
    arguments = parser.parse_args(argv)
    try:
        program = require("psql", INSTALL)
        print(f"opening a tunnel to {arguments.environment}", file=sys.stderr)
        with tunnel(arguments.environment) as parameters:
            return psql(program, parameters, arguments.arguments)
    except NoRegionError:
        print("psql: no AWS region: set AWS_DEFAULT_REGION, or a region in the AWS profile", file=sys.stderr)
        return 1
    except (TunnelError, BotoCoreError, ClientError) as error:
        print(f"psql: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; the tunnel is closed", file=sys.stderr)
        return 130


def psql(program: str, parameters: Mapping[str, str], arguments: Sequence[str]) -> int:
    """Runs psql on the database and returns its exit status. Ctrl-C cancels a query in psql, and ends nothing else."""
    login = {VARIABLES[name]: value for name, value in parameters.items()}
    # The user's own variables, such as PGSERVICE or PGOPTIONS, are for other databases.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")} | login
    # psql inherits no handler.
    for number in (signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, lambda *_: None)
    process = None
    try:
        with signals.deferred():
            process = subprocess.Popen([program, *arguments], env=environment)  # noqa: S603 - the user's own arguments
        return process.wait()
    finally:
        if process:
            process.terminate()  # no effect if psql has ended
            process.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
