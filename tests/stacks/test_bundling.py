"""Tests of the bundles: their files, and what Python can do with those of the job."""

import hashlib
import platform
import re
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from aws_cdk import App, Stack

from stacks import packages
from stacks.bundling import GLUE_COMPONENTS, RUNTIME, glue_code, glue_wheels, lambda_folder
from stacks.packages import GLUE
from tests.stacks.conftest import ROOT

# The largest unzipped package: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
LAMBDA_BYTES = 250 * 2**20
FUNCTIONS = ("analytics", "data_generator", "database", "orchestrator")
JOB_LOCKS = "".join((RUNTIME / component / "requirements.lock").read_text() for component in GLUE_COMPONENTS)


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packages, "CACHE", tmp_path_factory.mktemp("bundles"))
        yield


@pytest.fixture
def code_only() -> Stack:
    return Stack(App(context={"aws:cdk:bundling-stacks": []}), "Stack")


@pytest.fixture(scope="module")
def job_zip() -> Path:
    """The code of the deployed job, with the certificates."""
    return glue_code(Stack(App(), "Stack"))


@pytest.fixture(scope="module")
def wheels_zip() -> Path:
    """The packages of the deployed job."""
    return glue_wheels(Stack(App(), "Stack"))


@pytest.fixture(scope="module")
def wheels(wheels_zip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of wheels, unpacked."""
    folder = tmp_path_factory.mktemp("unpacked")
    zipfile.ZipFile(wheels_zip).extractall(folder)
    return folder / "wheels"


def add_package_of_glue(wheels: Path, name: str, version: str) -> None:
    """Adds an empty package, where pip on Glue finds an installed one."""
    folder = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(wheels / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{folder}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        wheel.writestr(f"{folder}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{folder}/RECORD", "")


def install(wheels: Path, *arguments: str) -> None:
    """Installs the wheels as Glue's guide says: the folder is pip's only index."""
    add_package_of_glue(wheels, "pyarrow", "23.0.1")
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments, "--quiet", "--no-index"]
    subprocess.run(
        [*command, "--find-links", str(wheels), "--requirement", str(wheels / "requirements.txt")], check=True
    )


def run(python: Path | str, *arguments: str, path: Path) -> str:
    """Returns the output of Python, which finds modules in `path` and in its own environment only."""
    result = subprocess.run(
        [str(python), *arguments],
        env={"PYTHONPATH": str(path)},
        cwd=path.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_a_function_contains_only_its_own_component(code_only: Stack) -> None:
    folder = lambda_folder(code_only, "orchestrator")
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*.py")} == {
        "runtime/__init__.py",
        "runtime/orchestrator/__init__.py",
        "runtime/orchestrator/actions.py",
        "runtime/orchestrator/handler.py",
        "runtime/orchestrator/job.py",
    }


def test_the_analytics_function_contains_the_database_connection(code_only: Stack) -> None:
    folder = lambda_folder(code_only, "analytics") / "runtime"
    assert {path.name for path in folder.iterdir()} == {"__init__.py", "analytics", "database"}
    assert (folder / "database" / "connection.py").exists()


@pytest.mark.parametrize("component", FUNCTIONS)
def test_a_function_with_its_packages_fits_lambda(component: str) -> None:
    folder = lambda_folder(Stack(App(), "Stack"), component)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert size < LAMBDA_BYTES, f"{size / 2**20:.0f} MiB: leave a package of runtime/{component}/requirements.txt out"


def test_the_migration_function_contains_the_sql_files(code_only: Stack) -> None:
    folder = lambda_folder(code_only, "database")
    assert (folder / "runtime" / "database" / "migrations" / "0001_tables.sql").exists()


def test_the_job_bundles_are_deterministic(code_only: Stack) -> None:
    for bundle in (glue_code, glue_wheels):
        first = bundle(code_only).read_bytes()
        assert bundle(code_only).read_bytes() == first


def test_the_job_zip_contains_the_job_and_the_database_component(code_only: Stack) -> None:
    names = zipfile.ZipFile(glue_code(code_only)).namelist()
    assert {"runtime/__init__.py", "runtime/attribution_job/job.py", "runtime/database/connection.py"} <= set(names)
    assert "runtime/attribution_job/events/mapping/builtin/segment.toml" in names
    assert not [name for name in names if "__pycache__" in name or not name.startswith("runtime/")]


def test_every_wheel_has_a_checksum_of_the_locks(wheels_zip: Path) -> None:
    with zipfile.ZipFile(wheels_zip) as archive:
        files = {name: hashlib.sha256(archive.read(name)).hexdigest() for name in archive.namelist()}
    requirements = files.pop("wheels/requirements.txt")
    names = b"boto3\ncrawler-user-agents\njmespath\npgpq\npsycopg[binary]\ntenacity\n"
    assert requirements == hashlib.sha256(names).hexdigest()
    assert all(re.fullmatch(r"wheels/[^/]+\.whl", name) for name in files)
    assert {f"sha256:{checksum}" for checksum in files.values()} <= set(re.findall(r"sha256:[0-9a-f]{64}", JOB_LOCKS))
    packaged = {name.removeprefix("wheels/").split("-")[0].replace("_", "-") for name in files}
    assert packaged == set(re.findall(r"^([\w-]+)==", JOB_LOCKS, re.M))


def test_there_is_a_compiled_wheel_for_every_glue_python(wheels: Path) -> None:
    compiled = {path.name.split("-")[2]: path.name for path in wheels.glob("psycopg_binary-*")}
    assert compiled.keys() == {f"cp{python.replace('.', '')}" for python in GLUE.pythons}
    assert all("manylinux2014_x86_64" in name for name in compiled.values())


@pytest.mark.parametrize("python", GLUE.pythons)
def test_the_wheels_satisfy_every_glue_python_without_an_index(wheels: Path, python: str, tmp_path: Path) -> None:
    target = ["--python-version", python, "--only-binary", ":all:", "--platform", *GLUE.tags]
    install(wheels, "install", "--dry-run", "--target", str(tmp_path), *target)


@pytest.mark.skipif(
    (sys.platform, platform.machine()) != ("linux", "x86_64"), reason="the wheels are for Linux on x86-64"
)
def test_a_new_environment_has_all_that_a_login_needs(wheels: Path, job_zip: Path, tmp_path: Path) -> None:
    """Imports the code from the zip, as Glue does. The certificates are opened by libpq, which needs a file."""
    venv.create(tmp_path / "venv")
    python = tmp_path / "venv" / "bin" / "python"
    install(wheels, "--python", str(python), "install")
    program = """
import psycopg, tenacity
from psycopg.conninfo import conninfo_to_dict
from runtime.database import connection, migrate
login = {"host": "db", "port": "5432", "dbname": "shop", "user": "writer", "password": "p"}
certificates = conninfo_to_dict(connection.verified_connection_string(**login))["sslrootcert"]
print(psycopg.pq.__impl__, connection.__file__, certificates, open(certificates).read().count("BEGIN CERTIFICATE"))
print(len(migrate.read_migrations()))
"""
    words = run(python, "-c", program, path=job_zip).split()
    implementation, module, certificates, authorities, migrations = words
    assert implementation == "binary"
    assert module.startswith(str(job_zip))
    assert certificates.endswith("rds-global-bundle.pem")
    assert not Path(certificates).exists(), "the temporary file outlives the process"
    assert int(authorities) > 100
    assert int(migrations) == len(list((RUNTIME / "database" / "migrations").glob("*.sql")))


def test_the_script_runs_the_job_from_its_zip(job_zip: Path) -> None:
    script = ROOT / "runtime" / "attribution_job" / "__main__.py"
    assert "--clicks_stream" in run(sys.executable, str(script), "--help", path=job_zip)
