"""The folder in memory, which saves tests the time of a disk where the machine has room for their files."""

from pathlib import Path

import pytest

from local import folder


def test_files_go_to_memory_only_where_there_is_room_for_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "MEMORY", tmp_path)
    monkeypatch.setattr(folder, "MIN_FREE_BYTES", 1)
    assert folder.memory_folder() == tmp_path
    monkeypatch.setattr(folder, "MIN_FREE_BYTES", 1024**6)
    assert folder.memory_folder() is None


def test_a_system_without_a_folder_in_memory_uses_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "MEMORY", tmp_path / "missing")
    assert folder.memory_folder() is None
