"""The command `anomalies` as a fixture of the tests."""

import csv as csv_module
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from runtime.analytics.__main__ import main


class Result(NamedTuple):
    status: int
    findings: list[dict[str, str]]
    errors: str
    output: str

    @property
    def spans(self) -> list[tuple[str, str]]:
        return [(finding["from"], finding["to"]) for finding in self.findings]


Run = Callable[[str | bytes], Result]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command with a file of the given content."""

    def run(content: str | bytes) -> Result:
        file = tmp_path / "series.csv"
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        status = main(["anomalies", str(file)])
        output, errors = capsys.readouterr()
        findings = list(csv_module.DictReader(output.splitlines()))
        return Result(status, findings, errors.replace(str(file), "series.csv"), output)

    return run
