import hashlib
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from aws_cdk import App, Stack

from stacks import bundling
from stacks.bundling import GLUE, LAMBDA, ROOT, BundlingError, Platform, glue_zip, lambda_folder

LOCKS = sorted(ROOT.glob("runtime/*/requirements.lock"))


def locked(*names: str) -> str:
    """The entries of these packages in the locks."""
    entries = {
        entry.partition("==")[0]: entry
        for lock in LOCKS
        for entry in re.split(r"^(?=[a-z])", lock.read_text(), flags=re.M)
    }
    return "".join(entries[name] for name in names)


# To be quick; that one requires the other is the point.
SMALL = locked("python-dateutil", "six")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "bundles"
    monkeypatch.setattr(bundling, "CACHE", folder)
    return folder


@pytest.fixture
def code_only() -> Stack:
    return Stack(App(context={"aws:cdk:bundling-stacks": []}), "Stack")


def lock(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "requirements.lock"
    file.write_text(text)
    return file


def digest(folder: Path) -> str:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return hashlib.sha256(
        b"".join(str(path.relative_to(folder)).encode() + path.read_bytes() for path in files)
    ).hexdigest()


def test_a_function_has_its_own_component_and_no_other(code_only: Stack) -> None:
    folder = lambda_folder(code_only, "orchestrator")
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*.py")} == {
        "runtime/__init__.py",
        "runtime/orchestrator/__init__.py",
        "runtime/orchestrator/actions.py",
        "runtime/orchestrator/handler.py",
        "runtime/orchestrator/job.py",
    }


def test_migrations_travel_with_their_sql(code_only: Stack) -> None:
    folder = lambda_folder(code_only, "database")
    assert (folder / "runtime" / "database" / "migrations" / "0001_tables.sql").exists()


def test_the_zip_is_the_same_whenever_it_is_made(code_only: Stack) -> None:
    first = glue_zip(code_only).read_bytes()
    assert glue_zip(code_only).read_bytes() == first


def test_the_zip_has_the_job_and_the_database_under_runtime(code_only: Stack) -> None:
    names = zipfile.ZipFile(glue_zip(code_only)).namelist()
    assert {"runtime/__init__.py", "runtime/attribution_job/job.py", "runtime/database/connection.py"} <= set(names)
    assert not [name for name in names if "__pycache__" in name]


def test_packages_are_the_same_bytes_from_an_empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = lock(tmp_path, SMALL)
    first = digest(bundling.install([file], LAMBDA))
    monkeypatch.setattr(bundling, "CACHE", tmp_path / "other")
    assert digest(bundling.install([file], LAMBDA)) == first


def test_packages_are_installed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = lock(tmp_path, SMALL)
    folder = bundling.install([file], LAMBDA)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("installed again"))
    assert bundling.install([file], LAMBDA) == folder


def test_a_missing_wheel_is_an_error_that_says_which(tmp_path: Path) -> None:
    platform = Platform(pythons=("3.14",), tags=("manylinux2014_sparc",))
    with pytest.raises(BundlingError, match=r"(?s)Python 3.14 on manylinux2014_sparc.*psycopg-binary"):
        bundling.install([lock(tmp_path, locked("psycopg-binary"))], platform)
    assert not list(bundling.CACHE.glob("packages-*[!d]"))


def test_what_a_package_requires_must_be_locked_too(tmp_path: Path) -> None:
    with pytest.raises(BundlingError, match=r"python-dateutil requires six>=1\.5 on Python 3\.14, and locked is None"):
        bundling.install([lock(tmp_path, locked("python-dateutil"))], LAMBDA)


def test_a_package_other_than_the_locked_one_is_refused(tmp_path: Path) -> None:
    forged = re.sub(r"[0-9a-f]{64}", "0" * 64, SMALL)
    with pytest.raises(BundlingError, match="DO NOT MATCH THE HASHES"):
        bundling.install([lock(tmp_path, forged)], LAMBDA)


def test_a_package_without_a_checksum_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundlingError, match="Hashes are required"):
        bundling.install([lock(tmp_path, "six==1.17.0\n")], LAMBDA)


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.parent.name)
def test_a_lock_has_the_pins_of_its_requirements(path: Path) -> None:
    pins = re.findall(r"^([\w-]+)\S*(==\S+)", path.with_name("requirements.txt").read_text(), flags=re.M)
    assert pins
    for name, version in pins:
        assert f"\n{name}{version} \\\n" in path.read_text()


def test_compiled_code_is_for_arm_in_lambda_and_for_every_python_of_glue(tmp_path: Path) -> None:
    file = lock(tmp_path, locked("psycopg-binary"))
    for_lambda = {path.name for path in bundling.install([file], LAMBDA).glob("psycopg_binary/pq.*")}
    assert for_lambda == {"pq.cpython-314-aarch64-linux-gnu.so"}
    for_glue = {path.name for path in bundling.install([file], GLUE).glob("psycopg_binary/pq.*")}
    assert for_glue == {f"pq.cpython-{version}-x86_64-linux-gnu.so" for version in (311, 312, 313, 314)}


def test_the_script_of_the_job_imports_compiled_code_out_of_a_zip(tmp_path: Path) -> None:
    """With a Python that has none of the packages, as Glue's has no psycopg."""
    archive = tmp_path / "0123abcd.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.write(ROOT / "runtime" / "attribution_job" / "glue_script.py", "runtime/attribution_job/glue_script.py")
        file.writestr("runtime/__init__.py", "")
        file.writestr("runtime/attribution_job/__init__.py", "")
        file.writestr("packages/only_here.py", "")
        file.writestr(
            "runtime/attribution_job/job.py",
            "import only_here\ndef main(arguments):\n    print(arguments, open(__file__).read()[:6], __file__)\n",
        )
    script = ROOT / "runtime" / "attribution_job" / "glue_script.py"
    result = subprocess.run(
        [sys.executable, "-S", str(script), "--region", "eu-west-1"],
        env={"PYTHONPATH": str(archive), "TMPDIR": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.startswith("['--region', 'eu-west-1'] import")
    assert ".zip" not in result.stdout
