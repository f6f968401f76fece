"""Deploys the stacks to the local cloud with the CDK CLI, as to AWS."""

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
# Time limits of the commands. They are generous, because a busy machine takes minutes instead of seconds.
SECONDS = {"bootstrap": 180, "synth": 300, "deploy": 600}
RELEVANT = re.compile(r"❌|_FAILED|Error|error|refused")
MAX_RELEVANT = 8
STACK_PROGRESS = re.compile(r"^\S+ \((\S+)\): deploying\.\.\. \[(\d+)/(\d+)\]")

Say = Callable[[str], None]


def deploy(folder: Path, say: Say) -> None:
    """Bootstraps the account that the process' environment selects, and deploys every stack of dev there.

    The CLI's output is written to log files in `folder`. `say` receives progress messages.

    Raises:
        InputError: the CLI is not installed.
        RunError: a command failed or exceeded its time limit; the message has the relevant lines of its output.
    """
    if not CLI.exists():
        raise InputError("the CDK CLI is not installed; run `make setup`")
    templates = str(data_folder() / "cdk.out")
    say("bootstrapping the account, synthesizing the stacks")
    with ThreadPoolExecutor() as executor:
        bootstrapped = executor.submit(_cdk, folder, "bootstrap", f"aws://{ACCOUNT}/{REGION}")
        _cdk(folder, "synth", f"{STAGE}/**", "--quiet", "--output", templates)
        bootstrapped.result()

    def report_stack(line: str) -> None:
        if match := STACK_PROGRESS.match(line):
            say(f"stack {match[1]} ({match[2]} of {match[3]})")

    say("publishing the assets")
    options = ["--require-approval", "never", "--concurrency", "4", "--progress", "events"]
    _cdk(folder, "deploy", f"{STAGE}/**", "--app", templates, *options, on_line=report_stack)


def _cdk(folder: Path, command: str, *arguments: str, on_line: Say = lambda _: None) -> None:
    """Runs a command of the CDK CLI to its end and passes each line of its output to `on_line`."""
    log_file = folder / f"{command}.log"
    variables = {
        **os.environ,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
        # Keeps the CLI's account cache apart from the cache in the user's home folder.
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
                on_line(lines[-1])
        finally:
            timer.cancel()
    if process.returncode == -signal.SIGKILL:
        raise RunError(f"`cdk {command}` did not end within {SECONDS[command]} s; {_relevant_output(lines, log_file)}")
    if process.returncode:
        raise RunError(f"`cdk {command}` failed; {_relevant_output(lines, log_file)}")


def _relevant_output(lines: Sequence[str], log_file: Path) -> str:
    relevant = [line for line in lines if RELEVANT.search(line)] or lines
    last = "\n".join(relevant[-MAX_RELEVANT:])
    return (
        f"its output is in {log_file}; the relevant lines:\n{last}\n"
        "The deployed resources stay for inspection; remove them with `python -m local down`."
    )
