"""Fixtures and settings of all tests: the AWS emulator, Hypothesis' profile, and the place of temporary files."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from local.cloud import emulator as aws
from local.folder import memory_folder

# No time limit for an example: its duration depends on the machine's load.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


# A shell lets its background jobs ignore interrupts, and child processes inherit that. Tests interrupt some of them.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_configure() -> None:
    """Puts the tests' temporary files into memory if there is room, unless $PYTEST_DEBUG_TEMPROOT names a folder."""
    # With its database on a disk, a test takes twice as long.
    if memory := memory_folder():
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(memory))


@pytest.fixture(scope="session")
def emulator_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The endpoint of one emulator for the whole session."""
    log: Path = tmp_path_factory.mktemp("emulator") / "emulator.log"
    with aws.running(log) as url:
        yield url


@pytest.fixture
def emulator(emulator_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The endpoint of the emulator; the environment directs boto3 to it."""
    for name, value in (aws.CREDENTIALS | {"AWS_ENDPOINT_URL": emulator_url}).items():
        monkeypatch.setenv(name, value)
    return emulator_url
