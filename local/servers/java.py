"""Spark's one need that is no Python package: Java 17 or later, with the module jdk.incubator.vector."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from local.errors import InputError

OLDEST = 17
MODULE = "jdk.incubator.vector"
# Where Debian, Ubuntu, Fedora and others put what their package managers install.
INSTALLED = Path("/usr/lib/jvm")
DEBIAN_PACKAGES = (f"openjdk-{OLDEST}-jre-headless", "default-jre-headless")
COMMANDS = {
    "apt-get": f"sudo apt-get install --yes {DEBIAN_PACKAGES[0]}",
    "dnf": "sudo dnf install java-21-openjdk-headless",
    "apk": "sudo apk add openjdk17-jre-headless",
    "pacman": "sudo pacman -S jre17-openjdk-headless",
    "brew": "brew install openjdk@17",
}


def ensure() -> Path | None:
    """The JAVA_HOME to run Spark with; None: `java` on the PATH will do. Installs one on Debian and Ubuntu.

    Raises:
        InputError: there is none, and none could be installed; the message has the command that does.
    """
    found, problems = find()
    if not found and _install():
        found, problems = find()
    if found:
        return None if found.parent in _path() else found.parent.parent
    raise InputError("\n".join([f"Spark needs Java {OLDEST} or later.", *problems, f"Install it: {_command()}"]))


def find() -> tuple[Path | None, list[str]]:
    """The first `java` that Spark can use, and what is wrong with those before it."""
    problems: list[str] = []
    for java in _candidates():
        problem = _problem(java)
        if problem is None:
            return java, problems
        problems.append(f"{java}: {problem}")
    return None, problems


def _candidates() -> Iterator[Path]:
    if home := os.environ.get("JAVA_HOME"):
        yield Path(home) / "bin" / "java"
    if on_path := shutil.which("java"):
        yield Path(on_path)
    yield from sorted(INSTALLED.glob("*/bin/java"), reverse=True)


def _problem(java: Path) -> str | None:
    try:
        listing = _run([str(java), "--list-modules"], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    version = re.search(r"^java\.base@(\d+)", listing.stdout, re.MULTILINE)
    if version is None:
        return "older than Java 9, or it does not run"
    if int(version[1]) < OLDEST:
        return f"Java {version[1]} is too old"
    if not re.search(rf"^{re.escape(MODULE)}\b", listing.stdout, re.MULTILINE):
        return f"lacks the module {MODULE}"
    return None


def _install() -> bool:
    """Asks apt-get where that is possible; true when it has installed something."""
    if shutil.which("apt-get") is None or (os.geteuid() != 0 and not _may_sudo()):
        return False
    become_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    print(f"Spark needs Java {OLDEST}: installing {DEBIAN_PACKAGES[0]} with apt-get …", flush=True)
    apt = [*become_root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "--yes", "--quiet"]
    _run([*apt, "update"])
    return any(
        _run([*apt, "install", "--no-install-recommends", package]).returncode == 0 for package in DEBIAN_PACKAGES
    )


def _may_sudo() -> bool:
    return shutil.which("sudo") is not None and _run(["sudo", "-n", "true"], capture_output=True).returncode == 0


def _run(command: list[str], **options: Any) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, check=False, stdin=subprocess.DEVNULL, **options)  # noqa: S603 - no input in it


def _command() -> str:
    return next(
        (command for program, command in COMMANDS.items() if shutil.which(program)),
        "see https://adoptium.net/installation",
    )


def _path() -> list[Path]:
    return [Path(entry) for entry in os.environ.get("PATH", "").split(os.pathsep)]
