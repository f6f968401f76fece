"""The pipeline on one machine: `python -m local demo | replay | up | down | status | logs | psql | reset`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import psycopg
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from local import housekeeping
from local.cloud import lifetime, logs
from local.demo.run import Options
from local.demo.run import run as run_demo
from local.errors import InputError, RunError
from local.pipeline import warm_up
from local.replay.run import run as run_replay
from local.servers import java, signals
from runtime.database.migrate import MigrationError

EPILOG = """\
environment:
  DATABASE_URL           an empty PostgreSQL database to use instead of the embedded server
  KINESIS_ENDPOINT_URL   a Kinesis to use instead of the emulator; streams are made for the run, and deleted
  JAVA_HOME              the Java for Spark, 17 or later; otherwise the one on the PATH
  LOCAL_FOLDER           where data and logs are kept (default: .local/ in this clone)

exit status:
  0  all is accounted for      1  something failed, was lost, duplicated or wrong
  2  the command, an input or this machine does not fit; nothing has been done
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
        print("ended; everything that was started has been stopped", file=sys.stderr)
        return 130


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Raises SystemExit for arguments that do not fit; argparse has said why."""
    commands = parser()
    arguments, rest = commands.parse_known_args(argv)
    if rest and arguments.command != "psql":
        commands.error(f"unrecognized arguments: {' '.join(rest)}")
    arguments.rest = rest
    return arguments


def parser() -> argparse.ArgumentParser:
    commands = argparse.ArgumentParser(
        prog="python -m local",
        description="First-click attribution of checkouts, streaming, with all its parts on this machine.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command = commands.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_demo(command)
    _add_replay(command)
    psql = command.add_parser(
        "psql",
        help="open psql on the deployed tables",
        description="Opens psql on the tables of the deployed database, during a demo or `up` and after it. Other"
        " arguments are psql's own.",
    )
    psql.set_defaults(run=lambda arguments: housekeeping.psql(arguments.rest))
    status = command.add_parser("status", help="what runs, and what is stored")
    status.set_defaults(run=lambda _: housekeeping.status(Console()))
    warm = command.add_parser(
        "warm-up",
        help="record the classes that Spark loads, so that it starts faster (part of make setup)",
        description="Runs the pipeline for some batches and records the classes that its job loads, beside Spark's own"
        " files. Every later start takes them from there.",
    )
    warm.set_defaults(run=lambda _: warm_up.run(java.ensure(), Console()))
    _add_up(command)
    down = command.add_parser("down", help="end the cloud that `up` started, with everything in it")
    down.set_defaults(run=lambda _: lifetime.down())
    _add_logs(command)
    reset = command.add_parser("reset", help="stop what was left behind and delete all local data")
    reset.set_defaults(run=lambda _: housekeeping.reset())
    return commands


def _add_demo(command: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    demo_parser = command.add_parser(
        "demo",
        help="simulate the shop, run the job, watch it live; Ctrl-C ends it with a reconciliation",
        description="Deploys the dev environment to a cloud on this machine, or uses the one that is up; lets its"
        " schedule publish simulated events faster, and shows what becomes of them. In the end, after Ctrl-C or the"
        " time given, all that was published is compared with what PostgreSQL has.",
    )
    demo_parser.add_argument(
        "--for",
        dest="seconds",
        type=_positive,
        metavar="SECONDS",
        help="publish for so long (default: until Ctrl-C)",
    )
    demo_parser.add_argument(
        "--rate", type=_positive, default=100.0, metavar="EVENTS_PER_SECOND", help="(default: 100)"
    )
    demo_parser.add_argument("--headless", action="store_true", help="plain lines instead of the live view")
    demo_parser.add_argument("--report", type=Path, metavar="FILE", help="write the reconciliation there, as JSON")
    demo_parser.set_defaults(run=_demo)


def _demo(arguments: argparse.Namespace) -> int:
    options = Options(
        seconds=arguments.seconds, rate=arguments.rate, headless=arguments.headless, report=arguments.report
    )
    return run_demo(options, java.ensure(), Console())


def _add_up(command: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    up = command.add_parser(
        "up",
        help="deploy the stacks to a cloud on this machine, start the job, and leave them running",
        description="Starts a cloud on this machine, deploys the dev environment to it with the CDK CLI, and starts the"
        " job. It runs until `down`, as deployed: the generator every 5 minutes. A demo runs in it meanwhile.",
    )
    up.add_argument(
        "--port", type=int, default=lifetime.DEFAULT_PORT, help="where AWS' tools find it (default: %(default)s)"
    )
    up.set_defaults(run=lambda given: lifetime.up(given.port, Console()))


def _add_logs(command: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    logs_parser = command.add_parser(
        "logs",
        help="what the deployed functions and the job have logged",
        description="Prints what is in CloudWatch Logs of the cloud that `up` started.",
    )
    logs_parser.add_argument("source", choices=list(logs.GROUPS), help="whose log")
    logs_parser.add_argument("--follow", action="store_true", help="go on with what comes, until Ctrl-C")
    logs_parser.set_defaults(run=lambda given: logs.show(given.source, follow=given.follow))


def _add_replay(command: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    replay_parser = command.add_parser(
        "replay",
        help="credit the checkouts of your own files",
        description="Sends your own events, one JSON object a line, through the same path as the demo's. Of a"
        " click, click_id, user_id and click_timestamp are needed; of a checkout, checkout_id, user_id,"
        " checkout_timestamp, total_amount and currency. Neither file needs to be sorted, and events may be"
        " years old.",
    )
    replay_parser.add_argument("clicks", type=Path, metavar="CLICKS.jsonl")
    replay_parser.add_argument("checkouts", type=Path, metavar="CHECKOUTS.jsonl")
    replay_parser.add_argument(
        "--output",
        type=Path,
        required=True,
        metavar="FILE.csv",
        help="one row for each checkout, in order of time",
    )
    replay_parser.set_defaults(
        run=lambda given: run_replay(given.clicks, given.checkouts, given.output, java.ensure, Console())
    )


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
