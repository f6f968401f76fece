from collections.abc import Iterator
from pathlib import Path

import pytest

from local import emulator as aws


@pytest.fixture(scope="session")
def emulator_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    log: Path = tmp_path_factory.mktemp("emulator") / "emulator.log"
    with aws.running(log) as url:
        yield url


@pytest.fixture
def emulator(emulator_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The emulator, and the environment that leads boto3 to it."""
    for name, value in (aws.CREDENTIALS | {"AWS_ENDPOINT_URL": emulator_url}).items():
        monkeypatch.setenv(name, value)
    return emulator_url
