"""Turns components of runtime/ into what Lambda and Glue run: the code and its packages, without Docker.

Packages come as wheels built for the machine that will run them, and are kept in .bundles/ until a pin changes.
The same pins give the same bytes, hence the same asset and no deployment.
"""

import hashlib
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from aws_cdk import Stack
from constructs import Construct

from stacks.certificates import rds_certificates

ROOT = Path(__file__).parents[1]
RUNTIME = ROOT / "runtime"
CACHE = ROOT / ".bundles"
# The versions of what the packages themselves require.
CONSTRAINTS = RUNTIME / "constraints.txt"
# The oldest time that a zip can tell: a file's own would change the asset with every checkout.
ZIP_TIME = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, kw_only=True)
class Platform:
    """Where packages will run; a wheel may be for any of `tags`. Several Pythons share one folder of packages."""

    pythons: tuple[str, ...]
    tags: tuple[str, ...]


# pip takes no tag as "or older": psycopg's wheels have the first tag, others the second.
LAMBDA = Platform(pythons=("3.14",), tags=("manylinux_2_28_aarch64", "manylinux2014_aarch64"))
# Glue 6.0's guide says 3.13; a streaming runner was seen to start 3.11.
GLUE = Platform(pythons=("3.11", "3.12", "3.13", "3.14"), tags=("manylinux2014_x86_64",))


class BundlingError(Exception):
    """A package cannot be had for its platform; the message is pip's."""


def lambda_folder(scope: Construct, component: str) -> Path:
    """The folder of a Lambda function: `runtime/<component>` and its packages side by side."""
    return _bundle(scope, f"{component}", [component], LAMBDA, packages_in=".")


def glue_zip(scope: Construct) -> Path:
    """The job's zip: `runtime/` for its two components and, below `packages/`, what they import."""
    folder = _bundle(scope, "attribution_job", ["attribution_job", "database"], GLUE, packages_in="packages")
    archive = folder.with_suffix(".zip")
    with zipfile.ZipFile(archive, "w") as file:
        for path in _files(folder):
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), ZIP_TIME)
            entry.external_attr = 0o100644 << 16
            file.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)
    return archive


def _bundle(scope: Construct, name: str, components: list[str], platform: Platform, packages_in: str) -> Path:
    """Code always, packages only where the CLI will use them: `cdk ls` and tests need none."""
    complete = Stack.of(scope).bundling_required
    folder = CACHE / (name if complete else f"{name}-code")
    shutil.rmtree(folder, ignore_errors=True)
    for component in components:
        _copy_component(component, folder)
    if complete:
        requirements = [RUNTIME / component / "requirements.txt" for component in components]
        shutil.copytree(install(requirements, platform), folder / packages_in, dirs_exist_ok=True)
        if "database" in components:
            (folder / "runtime" / "database" / "rds-global-bundle.pem").write_text(rds_certificates())
    return folder


def _copy_component(component: str, folder: Path) -> None:
    target = folder / "runtime"
    ignored = shutil.ignore_patterns("__pycache__", "requirements.txt")
    shutil.copytree(RUNTIME / component, target / component, ignore=ignored)
    shutil.copy(RUNTIME / "__init__.py", target)


def install(requirements: Iterable[Path], platform: Platform) -> Path:
    """The folder of the packages that `requirements` pin, installed once for each platform and set of pins.

    Raises:
        BundlingError: there is no wheel for the platform.
    """
    pins = sorted(
        {line for file in requirements for line in file.read_text().splitlines() if line[:1] not in ("", "#")}
    )
    cause = (pins, CONSTRAINTS.read_text(), platform, Path(__file__).read_text())
    key = hashlib.sha256(repr(cause).encode()).hexdigest()[:16]
    folder = CACHE / f"packages-{key}"
    if not folder.exists():
        unfinished = folder.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        for python in platform.pythons:
            _install(pins, python, platform.tags, unfinished / python)
            shutil.copytree(unfinished / python, unfinished / "all", dirs_exist_ok=True)
        (unfinished / "all").rename(folder)
        shutil.rmtree(unfinished)
    return folder


def _install(pins: list[str], python: str, tags: tuple[str, ...], folder: Path) -> None:
    command = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-compile", "--quiet"]
    command += [
        "--constraint",
        str(CONSTRAINTS),
        "--only-binary",
        ":all:",
        "--python-version",
        python,
        "--implementation",
        "cp",
    ]
    command += [argument for tag in tags for argument in ("--platform", tag)]
    result = subprocess.run(  # noqa: S603 - our own pins, no shell
        [*command, "--target", str(folder), *pins], capture_output=True, text=True, check=False
    )
    if result.returncode:
        raise BundlingError(f"packages for Python {python} on {' or '.join(tags)}:\n{result.stderr.strip()}")
    _refuse_unpinned(folder)
    # Commands nobody calls, whose first line is this machine's Python; and records that differ with it.
    shutil.rmtree(folder / "bin", ignore_errors=True)
    for record in folder.glob("*.dist-info/RECORD"):
        record.unlink()


def _refuse_unpinned(folder: Path) -> None:
    """What only another package asks for must not change from one day to the next either."""
    pinned = {line.partition("==")[0] for file in RUNTIME.rglob("*.txt") for line in file.read_text().splitlines()}
    names = {re.sub(r"\[.*\]", "", name).lower().replace("-", "_") for name in pinned}
    for folder_of_package in folder.glob("*.dist-info"):
        name, _, version = folder_of_package.stem.rpartition("-")
        if name.lower() not in names:
            raise BundlingError(f"{name} is not pinned: add {name}=={version} to {CONSTRAINTS}")


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())
