"""Turns components of runtime/ into what Lambda and Glue run: the code and its packages, without Docker.

Packages come as wheels built for the machine that will run them: those of each component's requirements.lock, whose
checksums pip verifies, and no others. They are kept in .bundles/ until a lock changes. The same locks give the same
bytes, hence the same asset and no deployment.
"""

import argparse
import hashlib
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path

from aws_cdk import App, Stack
from constructs import Construct
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from stacks.certificates import rds_certificates

ROOT = Path(__file__).parents[1]
RUNTIME = ROOT / "runtime"
CACHE = ROOT / ".bundles"
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

# The job imports the way to the database from the component that migrates it.
GLUE_COMPONENTS = ("attribution_job", "database")


class BundlingError(Exception):
    """A package cannot be had for its platform, is not the one that was locked, or is missing in the lock."""


def lambda_folder(scope: Construct, component: str) -> Path:
    """The folder of a Lambda function: `runtime/<component>` and its packages side by side."""
    return _bundle(scope, f"{component}", [component], LAMBDA, packages_in=".")


def glue_zip(scope: Construct) -> Path:
    """The job's zip: `runtime/` for its two components and, below `packages/`, what they import."""
    folder = _bundle(scope, "attribution_job", GLUE_COMPONENTS, GLUE, packages_in="packages")
    archive = folder.with_suffix(".zip")
    with zipfile.ZipFile(archive, "w") as file:
        for path in _files(folder):
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), ZIP_TIME)
            entry.external_attr = 0o100644 << 16
            file.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)
    return archive


def _bundle(scope: Construct, name: str, components: Sequence[str], platform: Platform, packages_in: str) -> Path:
    """Code always, packages only where the CLI will use them: `cdk ls` and tests need none."""
    complete = Stack.of(scope).bundling_required
    folder = CACHE / (name if complete else f"{name}-code")
    shutil.rmtree(folder, ignore_errors=True)
    for component in components:
        _copy_component(component, folder)
    if complete:
        locks = [RUNTIME / component / "requirements.lock" for component in components]
        shutil.copytree(install(locks, platform), folder / packages_in, dirs_exist_ok=True)
        if "database" in components:
            (folder / "runtime" / "database" / "rds-global-bundle.pem").write_text(rds_certificates())
    return folder


def _copy_component(component: str, folder: Path) -> None:
    target = folder / "runtime"
    ignored = shutil.ignore_patterns("__pycache__", "requirements.*")
    shutil.copytree(RUNTIME / component, target / component, ignore=ignored)
    shutil.copy(RUNTIME / "__init__.py", target)


def install(locks: Sequence[Path], platform: Platform) -> Path:
    """The folder of exactly the packages in `locks`, installed once for each platform and content of the locks.

    Raises:
        BundlingError: there is no wheel for the platform, it is another than the locked one, or one is not locked.
    """
    cause = ([lock.read_text() for lock in locks], platform, Path(__file__).read_text())
    key = hashlib.sha256(repr(cause).encode()).hexdigest()[:16]
    folder = CACHE / f"packages-{key}"
    if not folder.exists():
        unfinished = folder.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        for python in platform.pythons:
            _install(locks, python, platform.tags, unfinished / python)
            shutil.copytree(unfinished / python, unfinished / "all", dirs_exist_ok=True)
        (unfinished / "all").rename(folder)
        shutil.rmtree(unfinished)
    return folder


def _install(locks: Sequence[Path], python: str, tags: tuple[str, ...], folder: Path) -> None:
    command = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-compile", "--quiet"]
    # Without --no-deps pip would ask this machine's Python, and not the other, which of them are needed.
    command += ["--require-hashes", "--no-deps", "--only-binary", ":all:", "--implementation", "cp"]
    command += ["--python-version", python, "--target", str(folder)]
    command += [argument for tag in tags for argument in ("--platform", tag)]
    command += [argument for lock in locks for argument in ("--requirement", str(lock))]
    result = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    if result.returncode:
        raise BundlingError(f"packages for Python {python} on {' or '.join(tags)}:\n{result.stderr.strip()}")
    _refuse_incomplete(folder, python)
    # Commands nobody calls, whose first line is this machine's Python; and records that differ with it.
    shutil.rmtree(folder / "bin", ignore_errors=True)
    for record in folder.glob("*.dist-info/RECORD"):
        record.unlink()


def _refuse_incomplete(folder: Path, python: str) -> None:
    """What a package requires of another must be there in a version that suits it, on that Python."""
    packages = list(distributions(path=[str(folder)]))
    versions = {canonicalize_name(package.name): package.version for package in packages}
    there = {"python_version": python, "python_full_version": f"{python}.0", "sys_platform": "linux", "extra": ""}
    for package in packages:
        for requirement in map(Requirement, package.requires or ()):
            if requirement.marker and not requirement.marker.evaluate(there):
                continue
            version = versions.get(canonicalize_name(requirement.name))
            if version is None or not requirement.specifier.contains(version, prereleases=True):
                raise BundlingError(
                    f"{package.name} requires {requirement} on Python {python}, and locked is {version}: run make lock"
                )


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def main() -> None:
    """`python -m stacks.bundling orchestrator`: make a component's bundle as its stack does, and print where it is."""
    parser = argparse.ArgumentParser(prog="bundling", description="Bundles one component of runtime/.")
    parser.add_argument("component", choices=sorted(path.parent.name for path in RUNTIME.glob("*/requirements.lock")))
    component = parser.parse_args().component
    stack = Stack(App(), "Bundle")
    print(glue_zip(stack) if component == "attribution_job" else lambda_folder(stack, component))


if __name__ == "__main__":
    main()
