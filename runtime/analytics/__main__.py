"""Command line of analytics: `python -m runtime.analytics COMMAND`."""

import argparse
import os
import signal
import sys
from collections.abc import Sequence

import psycopg

from runtime.analytics import paths, refresh_command
from runtime.analytics.anomalies import command as anomalies
from runtime.analytics.command_files import FileError
from runtime.analytics.errors import InputError
from runtime.analytics.experiments import command as experiment
from runtime.analytics.models.markov import ChainError
from runtime.analytics.segments import command as segments

EPILOG = """\
exit status:
  0    success
  1    the database refused the work, or another refresh is running
  2    the command, the file or the database cannot be used; nothing was done
  130  interrupted
"""


def main(argv: Sequence[str]) -> int:
    arguments = parser().parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except BrokenPipeError:
        # The reader, such as `head`, has read enough. Python would report the error once more at its exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (OSError, FileError, ChainError, InputError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        file = f"{arguments.file}: " if "file" in arguments else ""
        print(f"python -m runtime.analytics {arguments.command}: {file}{reason}", file=sys.stderr)
        return 2
    except psycopg.Error as error:
        print(f"python -m runtime.analytics {arguments.command}: {str(error).strip()}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def parser() -> argparse.ArgumentParser:
    commands = argparse.ArgumentParser(
        prog="python -m runtime.analytics",
        description="Analyses files by the methods of the analytics tables, and keeps these\ntables up to date. Only"
        " `refresh` needs a database.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command = commands.add_subparsers(dest="command", required=True, metavar="COMMAND")
    paths.add_parser(command)
    experiment.add_parser(command)
    segments.add_parser(command)
    anomalies.add_parser(command)
    refresh_command.add_parser(command)
    return commands


if __name__ == "__main__":
    # The end of a container or of a parent process is an interrupt too: it cancels the query that runs.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main(sys.argv[1:]))
