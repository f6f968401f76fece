"""Bundles components of runtime/ for Lambda and Glue: their code and Python packages, without Docker.

Bundling is deterministic: unchanged code and locks give the same asset, so nothing is redeployed.
"""

import argparse
import atexit
import re
import shutil
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

from aws_cdk import App, Stack
from constructs import Construct
from packaging.requirements import Requirement

from stacks import packages
from stacks.certificates import rds_certificates
from stacks.packages import GLUE, LAMBDA

ROOT = Path(__file__).parents[1]
RUNTIME = ROOT / "runtime"
# The oldest timestamp that a zip can store. File times would change the asset with every checkout.
ZIP_TIME = (1980, 1, 1, 0, 0, 0)

# The job and the analytics import their database connection from the component that migrates the database.
GLUE_COMPONENTS = ("attribution_job", "database")
ANALYTICS_COMPONENTS = ("analytics", "database")


def lambda_folder(scope: Construct, component: str) -> Path:
    """Bundles a Lambda function and returns its folder: `runtime/<component>` beside the packages."""
    components = ANALYTICS_COMPONENTS if component == "analytics" else (component,)
    folder = _code(scope, component, components)
    if Stack.of(scope).bundling_required:
        shutil.copytree(packages.install(_locks(components), LAMBDA), folder, dirs_exist_ok=True)
    return folder


def glue_code(scope: Construct) -> Path:
    """Bundles the job's code and returns its zip: two components in `runtime/`."""
    folder = _code(scope, "attribution_job", GLUE_COMPONENTS)
    return _zip(folder, folder.with_suffix(".zip"))


def glue_wheels(scope: Construct) -> Path:
    """Bundles the job's packages and returns their zip: wheels, and the requirements that pip resolves with them.

    The layout and the suffix `.gluewheels.zip` are Glue's: Appendix A of
    https://docs.aws.amazon.com/glue/latest/dg/aws-glue-programming-python-libraries.html. pip takes the wheels that fit
    its own Python.
    """
    folder = _empty_folder(scope, "attribution_job-wheels")
    wheels = folder / "wheels"
    if Stack.of(scope).bundling_required:
        shutil.copytree(packages.download(_locks(GLUE_COMPONENTS), GLUE), wheels)
    wheels.mkdir(parents=True, exist_ok=True)
    (wheels / "requirements.txt").write_text("".join(f"{name}\n" for name in _requirements(GLUE_COMPONENTS)))
    return _zip(folder, folder.with_suffix(".gluewheels.zip"))


def _requirements(components: Sequence[str]) -> list[str]:
    """Returns what the components require, without versions: pip keeps the version that Glue has of a package."""
    lines = [line for name in components for line in (RUNTIME / name / "requirements.txt").read_text().splitlines()]
    requirements = [Requirement(line) for line in lines if not re.match(r"\s*(#|$)", line)]
    extras = {requirement.name: ",".join(sorted(requirement.extras)) for requirement in requirements}
    return sorted(f"{name}[{extra}]" if extra else name for name, extra in extras.items())


def _locks(components: Sequence[str]) -> list[Path]:
    return [RUNTIME / component / "requirements.lock" for component in components]


def _code(scope: Construct, name: str, components: Sequence[str]) -> Path:
    """Copies the components and, when the CDK CLI requires bundling, the certificates; returns the folder."""
    folder = _empty_folder(scope, name)
    for component in components:
        _copy_component(component, folder)
    if "database" in components and Stack.of(scope).bundling_required:
        (folder / "runtime" / "database" / "rds-global-bundle.pem").write_text(rds_certificates())
    return folder


def _empty_folder(scope: Construct, name: str) -> Path:
    """Returns the path of a bundle that does not exist yet.

    `cdk ls` and the tests synthesise without packages, several processes at a time: to temporary folders.
    """
    if not Stack.of(scope).bundling_required:
        temporary = tempfile.TemporaryDirectory(prefix="bundle-")
        atexit.register(temporary.cleanup)
        return Path(temporary.name) / name
    folder = packages.CACHE / name
    shutil.rmtree(folder, ignore_errors=True)
    return folder


def _copy_component(component: str, folder: Path) -> None:
    target = folder / "runtime"
    ignored = shutil.ignore_patterns("__pycache__", "requirements.*")
    shutil.copytree(RUNTIME / component, target / component, ignore=ignored)
    shutil.copy(RUNTIME / "__init__.py", target)


def _zip(folder: Path, archive: Path) -> Path:
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), ZIP_TIME)
            entry.external_attr = 0o100644 << 16
            # A wheel is a compressed zip itself.
            method = zipfile.ZIP_STORED if path.suffix == ".whl" else zipfile.ZIP_DEFLATED
            file.writestr(entry, path.read_bytes(), method)
    return archive


def main() -> None:
    """`python -m stacks.bundling orchestrator`: bundles a component as its stack does, and prints the bundles."""
    parser = argparse.ArgumentParser(prog="bundling", description="Bundles one component of runtime/.")
    parser.add_argument("component", choices=sorted(path.parent.name for path in RUNTIME.glob("*/requirements.lock")))
    component = parser.parse_args().component
    stack = Stack(App(), "Bundle")
    if component == "attribution_job":
        print(glue_wheels(stack), glue_code(stack), sep="\n")
    else:
        print(lambda_folder(stack, component))


if __name__ == "__main__":
    main()
