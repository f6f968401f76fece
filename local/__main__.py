"""Command line of the local pipeline: `python -m local COMMAND`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import psycopg
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from local import housekeeping
from local.check import command as check_command
from local.cloud import lifetime, logs
from local.demo.run import Options
from local.demo.run import run as run_demo
from local.errors import InputError, RunError
from local.export import command as export_command
from local.load import command as load_command
from local.page import command as page_command
from local.pipeline import warm_up
from local.replay import command as replay_command
from local.servers import java, signals
from runtime.database.migrate import MigrationError

EPILOG = """\
environment:
  DATABASE_URL           an empty PostgreSQL database to use instead of the embedded server
  KINESIS_ENDPOINT_URL   a Kinesis endpoint to use instead of the emulator; the run creates and deletes its streams
  JAVA_HOME              the Java for Spark, 17 or later (default: the `java` on the PATH)
  LOCAL_FOLDER           the folder for data and logs (default: .local/ in this clone)

exit status:
  0    success: every event is accounted for
  1    a step failed, or an event was lost, duplicated or wrong
  2    the command, an input or this machine cannot be used; no work was done
  130  interrupted
"""


def main(argv: Sequence[str]) -> int:
    signals.clean_up_when_interrupted()
    arguments = parse(argv)
    try:
        return int(arguments.run(arguments))
    except InputError as error:
        print(f"python -m local {arguments.command}: {error}", file=sys.stderr)
        return 2
    except (RunError, MigrationError, psycopg.Error, BotoCoreError, ClientError) as error:
        print(f"python -m local {arguments.command}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; every process that this command started has been stopped", file=sys.stderr)
        return 130


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Parses the command line. `psql_arguments` are the arguments that only psql knows.

    Raises:
        SystemExit: an argument is invalid; argparse has printed the reason.
    """
    commands = parser()
    arguments, unknown_arguments = commands.parse_known_args(argv)
    if unknown_arguments and arguments.command != "psql":
        commands.error(f"unrecognized arguments: {' '.join(unknown_arguments)}")
    arguments.psql_arguments = unknown_arguments
    return arguments


def parser() -> argparse.ArgumentParser:
    commands = argparse.ArgumentParser(
        prog="python -m local",
        description="Runs the streaming attribution of checkouts to first clicks on this machine.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command = commands.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_demo(command)
    replay_command.add_parser(command)
    check_command.add_parser(command)
    load_command.add_parser(command)
    export_command.add_parser(command)
    page_command.add_parser(command)
    _add_refresh(command)
    psql = command.add_parser(
        "psql",
        help="open psql on the deployed tables",
        description="Opens psql on the tables of the deployed database, also after the demo or the cloud has ended."
        " All other arguments go to psql.",
    )
    psql.set_defaults(run=lambda arguments: housekeeping.psql(arguments.psql_arguments))
    status = command.add_parser("status", help="show the running parts and the number of rows in each table")
    status.set_defaults(run=lambda _: housekeeping.status(Console()))
    warm = command.add_parser(
        "warm-up",
        help="record the classes that Spark loads, for faster starts (part of make setup)",
        description="Runs the pipeline for some batches and records the classes that its job loads in an archive."
        " Later starts of the job load the classes from the archive.",
    )
    warm.set_defaults(run=lambda _: warm_up.run(java.ensure(), Console()))
    _add_up(command)
    down = command.add_parser("down", help="stop the cloud that `up` started and all its processes")
    down.set_defaults(run=lambda _: lifetime.down())
    _add_logs(command)
    reset = command.add_parser("reset", help="stop the processes of earlier commands and delete all local data")
    reset.set_defaults(run=lambda _: housekeeping.reset())
    return commands


def _add_demo(command: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    demo_parser = command.add_parser(
        "demo",
        help="simulate the shop and run the job, with a live view; Ctrl-C ends with a reconciliation",
        description="Deploys the dev environment to a cloud on this machine, or uses the cloud that `up` started."
        " Speeds up its schedule, which publishes simulated events, and shows their processing live. After Ctrl-C or"
        " the given time, compares all published events with the rows in PostgreSQL.",
    )
    demo_parser.add_argument(
        "--for",
        dest="seconds",
        type=_positive,
        metavar="SECONDS",
        help="duration of publishing (default: until Ctrl-C)",
    )
    demo_parser.add_argument(
        "--rate",
        type=_positive,
        default=100.0,
        metavar="EVENTS_PER_SECOND",
        help="rate of publishing (default: 100)",
    )
    demo_parser.add_argument("--headless", action="store_true", help="print plain lines instead of the live view")
    demo_parser.add_argument(
        "--report", type=Path, metavar="FILE", help="write the reconciliation to this file, as JSON"
    )
    demo_parser.set_defaults(run=_demo)


def _demo(arguments: argparse.Namespace) -> int:
    options = Options(
        seconds=arguments.seconds, rate=arguments.rate, headless=arguments.headless, report=arguments.report
    )
    return run_demo(options, java.ensure(), Console())


def _add_refresh(command: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    refresh = command.add_parser(
        "refresh",
        help="bring the analyst's views up to date, such as after `load rules`",
        description="Brings the tables behind the analyst's views up to date with all stored events, settings and"
        " rules: in the database of the demo, of `up`, or of DATABASE_URL. While the demo or the cloud runs, this also"
        " happens by itself.",
    )
    refresh.add_argument("--full", action="store_true", help="compute everything anew")
    refresh.set_defaults(run=lambda arguments: housekeeping.refresh_models(full=arguments.full))


def _add_up(command: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    up = command.add_parser(
        "up",
        help="deploy the stacks to a cloud on this machine, start the job, and leave them running",
        description="Starts a cloud on this machine, deploys the dev environment to it with the CDK CLI, and starts the"
        " job. The cloud runs until `down`. The generator runs every 5 minutes, as deployed. `demo` uses this cloud.",
    )
    up.add_argument(
        "--port", type=int, default=lifetime.DEFAULT_PORT, help="port of the cloud's AWS API (default: %(default)s)"
    )
    up.set_defaults(run=lambda arguments: lifetime.up(arguments.port, Console()))


def _add_logs(command: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    logs_parser = command.add_parser(
        "logs",
        help="print the log of a deployed function or of the job",
        description="Prints a log from CloudWatch Logs of the cloud that `up` started.",
    )
    logs_parser.add_argument("source", choices=list(logs.GROUPS), help="the function, or the job")
    logs_parser.add_argument("--follow", action="store_true", help="print new lines until Ctrl-C")
    logs_parser.set_defaults(run=lambda arguments: logs.show(arguments.source, follow=arguments.follow))


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text}: expected a number above 0")
    return number


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
