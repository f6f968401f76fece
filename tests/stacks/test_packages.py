"""Tests of the deployed Python packages. They download packages from the package index."""

import hashlib
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from stacks import packages
from stacks.bundling import GLUE_COMPONENTS
from stacks.packages import LAMBDA, BundlingError, Platform
from tests.stacks.conftest import ROOT

LOCKS = sorted(ROOT.glob("runtime/*/requirements.lock"))


def locked(*names: str) -> str:
    """Returns the lock entries of the packages."""
    entries = {
        entry.partition("==")[0]: entry
        for lock in LOCKS
        for entry in re.split(r"^(?=[a-z])", lock.read_text(), flags=re.M)
    }
    return "".join(entries[name] for name in names)


# Two small packages, of which python-dateutil requires six.
SMALL = locked("python-dateutil", "six")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "bundles"
    monkeypatch.setattr(packages, "CACHE", folder)
    return folder


def lock(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "requirements.lock"
    file.write_text(text)
    return file


def digest(folder: Path) -> str:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return hashlib.sha256(
        b"".join(str(path.relative_to(folder)).encode() + path.read_bytes() for path in files)
    ).hexdigest()


def test_installed_packages_are_deterministic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = lock(tmp_path, SMALL)
    first = digest(packages.install([file], LAMBDA))
    monkeypatch.setattr(packages, "CACHE", tmp_path / "other")
    assert digest(packages.install([file], LAMBDA)) == first


def test_packages_are_installed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = lock(tmp_path, SMALL)
    folder = packages.install([file], LAMBDA)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("installed again"))
    assert packages.install([file], LAMBDA) == folder


def test_a_missing_wheel_is_an_error_that_names_the_package(tmp_path: Path) -> None:
    platform = Platform(pythons=("3.14",), tags=("manylinux2014_sparc",))
    with pytest.raises(BundlingError, match=r"(?s)Python 3.14 on manylinux2014_sparc.*psycopg-binary"):
        packages.install([lock(tmp_path, locked("psycopg-binary"))], platform)
    assert not list(packages.CACHE.glob("packages-*[!d]"))


@pytest.mark.parametrize("get", [packages.install, packages.download])
def test_a_dependency_missing_from_the_lock_is_refused(tmp_path: Path, get: Callable[..., Path]) -> None:
    with pytest.raises(BundlingError, match=r"python-dateutil requires six>=1\.5 on Python 3\.14, but None is locked"):
        get([lock(tmp_path, locked("python-dateutil"))], LAMBDA)


@pytest.mark.parametrize("get", [packages.install, packages.download])
def test_a_package_with_another_checksum_is_refused(tmp_path: Path, get: Callable[..., Path]) -> None:
    forged = re.sub(r"[0-9a-f]{64}", "0" * 64, SMALL)
    with pytest.raises(BundlingError, match="DO NOT MATCH THE HASHES"):
        get([lock(tmp_path, forged)], LAMBDA)


def test_a_package_without_a_checksum_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundlingError, match="Hashes are required"):
        packages.install([lock(tmp_path, "six==1.17.0\n")], LAMBDA)


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.parent.name)
def test_a_lock_contains_the_pins_of_its_requirements(path: Path) -> None:
    pins = re.findall(r"^([\w-]+)\S*(==\S+)", path.with_name("requirements.txt").read_text(), flags=re.M)
    assert pins
    for name, version in pins:
        assert f"\n{name}{version} \\\n" in path.read_text()


def test_compiled_code_is_for_lambdas_arm(tmp_path: Path) -> None:
    file = lock(tmp_path, locked("psycopg-binary"))
    compiled = {path.name for path in packages.install([file], LAMBDA).glob("psycopg_binary/pq.*")}
    assert compiled == {"pq.cpython-314-aarch64-linux-gnu.so"}


def test_packages_are_installed_without_their_own_tests_which_nothing_imports(tmp_path: Path) -> None:
    folder = packages.install([lock(tmp_path, locked("numpy", "scipy"))], LAMBDA)
    assert (folder / "numpy" / "__init__.py").exists()
    assert [path for path in folder.rglob("tests") if path.is_dir()] == []
    imports = re.compile(r"^\s*(from|import) (numpy|scipy)[\w.]*\.tests\b", re.MULTILINE)
    # _precompute has scripts that compute data for the tests.
    modules = [path for path in folder.rglob("*.py") if "_precompute" not in path.parts]
    assert [path for path in modules if imports.search(path.read_text())] == []


def test_the_environment_of_glue_differs_from_ours_only_in_glues_packages() -> None:
    ours = pins(ROOT / "requirements.txt", ROOT / "requirements-dev.txt", *ROOT.glob("runtime/*/requirements.txt"))
    glue = pins(ROOT / "requirements-glue.txt")
    assert set(pins(*(ROOT / "runtime" / name / "requirements.txt" for name in GLUE_COMPONENTS))) <= glue.keys()
    assert {name for name in ours.keys() & glue.keys() if ours[name] != glue[name]} == {
        "boto3",
        "numpy",
        "pandas",
        "pyarrow",
        "tenacity",
    }


def pins(*files: Path) -> dict[str, str]:
    """Returns the pinned version of each package in requirements files."""
    return dict(re.findall(r"^([\w-]+)\S*==(\S+)$", "\n".join(file.read_text() for file in files), flags=re.M))
