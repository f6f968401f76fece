"""Puts the stacks into the local cloud, by the CLI that puts them into AWS."""

import os
import re
import signal
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Timer

from local.cloud.services import ACCOUNT, REGION
from local.errors import InputError, RunError
from local.folder import PROJECT, data_folder
from local.servers import processes

STAGE = "Dev"
CLI = PROJECT / "node_modules" / ".bin" / "cdk"
# Minutes where seconds are usual, because a machine may be busy; none of them waits for ever.
SECONDS = {"bootstrap": 180, "synth": 300, "deploy": 600}
TELLING = re.compile(r"❌|_FAILED|Error|error|refused")
MOST_TELLING = 8
DEPLOYING = re.compile(r"^\S+ \((\S+)\): deploying\.\.\. \[(\d+)/(\d+)\]")

Say = Callable[[str], None]


def deploy(folder: Path, say: Say) -> None:
    """Bootstraps the account that the process' environment leads to, and deploys every stack of dev there.

    What the CLI prints is in `folder`.

    Raises:
        InputError: the CLI is not installed.
        RunError: it failed, or took too long; the message has what it printed about that.
    """
    if not CLI.exists():
        raise InputError("the CDK CLI is not installed: make setup")
    templates = str(data_folder() / "cdk.out")
    say("bootstrapping the account, synthesizing the stacks")
    with ThreadPoolExecutor() as side_by_side:
        bootstrapped = side_by_side.submit(_cdk, folder, "bootstrap", f"aws://{ACCOUNT}/{REGION}")
        _cdk(folder, "synth", f"{STAGE}/**", "--quiet", "--output", templates)
        bootstrapped.result()

    def tell(line: str) -> None:
        if match := DEPLOYING.match(line):
            say(f"stack {match[1]} ({match[2]} of {match[3]})")

    say("publishing the assets")
    options = ["--require-approval", "never", "--concurrency", "4", "--progress", "events"]
    _cdk(folder, "deploy", f"{STAGE}/**", "--app", templates, *options, tell=tell)


def _cdk(folder: Path, command: str, *arguments: str, tell: Say = lambda _: None) -> None:
    """Runs it to its end, and gives `tell` each line that it prints."""
    log_file = folder / f"{command}.log"
    variables = {
        **os.environ,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
        # What the CLI remembers of accounts, which are not those of the user's home.
        "CDK_HOME": str(data_folder() / "cdk-home"),
        "CDK_DISABLE_CLI_TELEMETRY": "true",
    }
    lines: list[str] = []
    with (
        log_file.open("w") as log,
        processes.piped([str(CLI), command, *arguments, "--no-notices"], environment=variables) as process,
    ):
        timer = Timer(SECONDS[command], processes.kill, [process])
        timer.start()
        try:
            for line in process.stdout or ():
                lines.append(line.decode(errors="replace").rstrip())
                log.write(f"{lines[-1]}\n")
                tell(lines[-1])
        finally:
            timer.cancel()
    if process.returncode == -signal.SIGKILL:
        raise RunError(f"`cdk {command}` did not end within {SECONDS[command]} s; {_where_to_look(lines, log_file)}")
    if process.returncode:
        raise RunError(f"`cdk {command}` failed; {_where_to_look(lines, log_file)}")


def _where_to_look(lines: Sequence[str], log_file: Path) -> str:
    telling = [line for line in lines if TELLING.search(line)] or lines
    last = "\n".join(telling[-MOST_TELLING:])
    return (
        f"its output is in {log_file}; what tells in it:\n{last}\n"
        "What is deployed stays as it is, to be looked at; `python -m local down` removes it."
    )
