"""Finds or installs the Java that Spark needs: version 17 or later, with the module jdk.incubator.vector."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from local.errors import InputError

MIN_VERSION = 17
REQUIRED_MODULE = "jdk.incubator.vector"
# Folder in which the package managers of Debian, Ubuntu, Fedora and others install Java.
JVM_FOLDER = Path("/usr/lib/jvm")
DEBIAN_PACKAGES = (f"openjdk-{MIN_VERSION}-jre-headless", "default-jre-headless")
INSTALL_COMMANDS = {
    "apt-get": f"sudo apt-get install --yes {DEBIAN_PACKAGES[0]}",
    "dnf": "sudo dnf install java-21-openjdk-headless",
    "apk": "sudo apk add openjdk17-jre-headless",
    "pacman": "sudo pacman -S jre17-openjdk-headless",
    "brew": "brew install openjdk@17",
}


def ensure() -> Path | None:
    """Returns the JAVA_HOME to run Spark with, or None if the `java` on the PATH is usable.

    Installs Java with apt-get if no usable one is found.

    Raises:
        InputError: no usable Java was found or installed; the message has the command that installs one.
    """
    java, problems = find()
    if not java and _install():
        java, problems = find()
    if java:
        return None if java.parent in _path_folders() else java.parent.parent
    raise InputError(
        "\n".join([f"Spark needs Java {MIN_VERSION} or later.", *problems, f"Install it: {_install_command()}"])
    )


def find() -> tuple[Path | None, list[str]]:
    """Returns the first usable `java`, or None, and the problems of the unusable ones before it."""
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
    yield from sorted(JVM_FOLDER.glob("*/bin/java"), reverse=True)


def _problem(java: Path) -> str | None:
    """Returns why Spark cannot use `java`; None if Spark can."""
    try:
        listing = _run([str(java), "--list-modules"], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    version = re.search(r"^java\.base@(\d+)", listing.stdout, re.MULTILINE)
    if version is None:
        return "older than Java 9, or it does not run"
    if int(version[1]) < MIN_VERSION:
        return f"Java {version[1]} is too old"
    if not re.search(rf"^{re.escape(REQUIRED_MODULE)}\b", listing.stdout, re.MULTILINE):
        return f"lacks the module {REQUIRED_MODULE}"
    return None


def _install() -> bool:
    """Installs Java with apt-get, as root or by sudo without a password. Returns whether a package was installed."""
    if shutil.which("apt-get") is None or (os.geteuid() != 0 and not _may_sudo()):
        return False
    become_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    print(f"Spark needs Java {MIN_VERSION}: installing {DEBIAN_PACKAGES[0]} with apt-get …", flush=True)
    apt = [*become_root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "--yes", "--quiet"]
    _run([*apt, "update"])
    return any(
        _run([*apt, "install", "--no-install-recommends", package]).returncode == 0 for package in DEBIAN_PACKAGES
    )


def _may_sudo() -> bool:
    return shutil.which("sudo") is not None and _run(["sudo", "-n", "true"], capture_output=True).returncode == 0


def _run(command: list[str], **options: Any) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, check=False, stdin=subprocess.DEVNULL, **options)  # noqa: S603 - no untrusted input


def _install_command() -> str:
    return next(
        (command for program, command in INSTALL_COMMANDS.items() if shutil.which(program)),
        "see https://adoptium.net/installation",
    )


def _path_folders() -> list[Path]:
    return [Path(entry) for entry in os.environ.get("PATH", "").split(os.pathsep)]
