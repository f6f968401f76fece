"""Command line of analytics: `python -m runtime.analytics COMMAND`."""

import argparse
import os
import sys
from collections.abc import Sequence

from runtime.analytics import paths
from runtime.analytics.models.markov import ChainError
from runtime.analytics.path_files import PathFileError

EPILOG = """\
exit status:
  0    success
  2    the command or the file cannot be used; nothing was printed
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
    except (OSError, PathFileError, ChainError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        print(f"python -m runtime.analytics {arguments.command}: {arguments.file}: {reason}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def parser() -> argparse.ArgumentParser:
    commands = argparse.ArgumentParser(
        prog="python -m runtime.analytics",
        description="Analyses files by the methods of the analytics tables. Needs no database.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command = commands.add_subparsers(dest="command", required=True, metavar="COMMAND")
    paths.add_parser(command)
    return commands


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
