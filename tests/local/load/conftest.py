"""A database to load into, and the command as a function."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from local.__main__ import main
from local.servers import postgres
from local.servers.postgres import Server
from tests.local.databases import migrated


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with postgres.running(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture
def database(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[psycopg.Connection]:
    with migrated(server, monkeypatch) as connection:
        yield connection


class Load:
    """Loads a text as a file and returns the exit status and the output."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self.capsys = folder, capsys

    def __call__(self, kind: str, text: str, *options: str) -> tuple[int, str]:
        path = self.folder / "rows.csv"
        path.write_text(text)
        status = main(["load", kind, str(path), *options])
        captured = self.capsys.readouterr()
        return status, captured.out + captured.err.replace(f"{path}: ", "")


@pytest.fixture
def load(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Load:
    return Load(tmp_path, capsys)
