"""Python packages of the deployed components, from their locks and for the platform that runs them.

The packages are wheels. Each component's requirements.lock lists them, and pip verifies their checksums. `.bundles/`
caches them until a lock changes.
"""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

CACHE = Path(__file__).parents[1] / ".bundles"


@dataclass(frozen=True, kw_only=True)
class Platform:
    """The target platform of packages: Python versions, the platform tags of suitable wheels, and its own packages."""

    pythons: tuple[str, ...]
    tags: tuple[str, ...]
    provided: tuple[str, ...] = ()


# A tag does not include older manylinux tags for pip: psycopg's wheels have the first tag, other wheels the second.
LAMBDA = Platform(pythons=("3.14",), tags=("manylinux_2_28_aarch64", "manylinux2014_aarch64"))
# Glue 6.0's guide names Python 3.13, but a streaming run was observed to start 3.11.
GLUE = Platform(pythons=("3.11", "3.12", "3.13", "3.14"), tags=("manylinux2014_x86_64",), provided=("pyarrow",))


class BundlingError(Exception):
    """A package has no wheel for its platform, has another checksum than its lock, or is missing from the lock."""


def install(locks: Sequence[Path], platform: Platform) -> Path:
    """Returns a folder with exactly the packages of `locks`, installed for every Python of the platform.

    Raises:
        BundlingError: a package has no wheel for the platform, has another checksum than its lock, or requires a
            package that is not locked.
    """
    return _cached("packages", locks, platform, _install)


def download(locks: Sequence[Path], platform: Platform) -> Path:
    """Returns a folder with the wheels of `locks` for every Python of the platform.

    Raises:
        BundlingError: a package has no wheel for the platform, has another checksum than its lock, or requires a
            package that is not locked.
    """
    return _cached("wheels", locks, platform, _download)


def _cached(kind: str, locks: Sequence[Path], platform: Platform, fill: Callable[..., None]) -> Path:
    """Returns a folder with the files of every Python, made once for each platform and content of the locks."""
    cache_inputs = ([lock.read_text() for lock in locks], platform, Path(__file__).read_text())
    key = hashlib.sha256(repr(cache_inputs).encode()).hexdigest()[:16]
    folder = CACHE / f"{kind}-{key}"
    if not folder.exists():
        unfinished = folder.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        for python in platform.pythons:
            fill(locks, python, platform, unfinished / python)
            shutil.copytree(unfinished / python, unfinished / "all", dirs_exist_ok=True)
        (unfinished / "all").rename(folder)
        shutil.rmtree(unfinished)
    return folder


def _install(locks: Sequence[Path], python: str, platform: Platform, folder: Path) -> None:
    _pip(["install", "--no-compile", "--target", str(folder)], locks, python, platform.tags)
    _check_dependencies([folder], python, platform.provided)
    # Scripts and RECORD files depend on this machine's Python path, which would change the asset. Nothing uses them.
    shutil.rmtree(folder / "bin", ignore_errors=True)
    for record in folder.glob("*.dist-info/RECORD"):
        record.unlink()
    # The packages' own tests: a tenth of numpy and scipy. Lambda limits the size of a function.
    for tests in [path for path in folder.rglob("tests") if path.is_dir()]:
        shutil.rmtree(tests, ignore_errors=True)


def _download(locks: Sequence[Path], python: str, platform: Platform, folder: Path) -> None:
    _pip(["download", "--dest", str(folder)], locks, python, platform.tags)
    _check_dependencies(list(folder.iterdir()), python, platform.provided)


def _pip(command: Sequence[str], locks: Sequence[Path], python: str, tags: tuple[str, ...]) -> None:
    arguments = [sys.executable, "-m", "pip", *command, "--disable-pip-version-check", "--quiet"]
    # Without --no-deps, pip would resolve dependencies for this machine's Python instead of the target's.
    arguments += ["--require-hashes", "--no-deps", "--only-binary", ":all:", "--implementation", "cp"]
    arguments += ["--python-version", python]
    arguments += [argument for tag in tags for argument in ("--platform", tag)]
    arguments += [argument for lock in locks for argument in ("--requirement", str(lock))]
    result = subprocess.run(arguments, capture_output=True, text=True, check=False)  # noqa: S603 - fixed arguments
    if result.returncode:
        raise BundlingError(
            f"cannot {command[0]} the packages for Python {python} on {' or '.join(tags)}:\n{result.stderr.strip()}"
        )


def _check_dependencies(path: Sequence[Path], python: str, provided: Sequence[str]) -> None:
    """Checks that `path`, folders or wheels, has a suitable version of every dependency of its packages.

    The platform has the `provided` ones itself.

    Raises:
        BundlingError: a dependency is missing or has an unsuitable version.
    """
    packages = list(distributions(path=[str(entry) for entry in path]))
    versions = {canonicalize_name(package.name): package.version for package in packages}
    target = {"python_version": python, "python_full_version": f"{python}.0", "sys_platform": "linux", "extra": ""}
    for package in packages:
        for requirement in map(Requirement, package.requires or ()):
            if (requirement.marker and not requirement.marker.evaluate(target)) or requirement.name in provided:
                continue
            version = versions.get(canonicalize_name(requirement.name))
            if version is None or not requirement.specifier.contains(version, prereleases=True):
                raise BundlingError(
                    f"{package.name} requires {requirement} on Python {python}, but {version} is locked: run make lock"
                )
