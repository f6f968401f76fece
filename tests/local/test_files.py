from pathlib import Path

import pytest

from local.errors import InputError
from local.files import check_writable, write_atomically, written_atomically


def test_writing_replaces_the_whole_file(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("old")
    write_atomically(tmp_path / "out", b"new")
    assert (tmp_path / "out").read_text() == "new"
    assert list(tmp_path.iterdir()) == [tmp_path / "out"]


def fail_while_writing(path: Path) -> None:
    with written_atomically(path) as file:
        file.write(b"half")
        raise RuntimeError


def test_a_failed_write_keeps_the_old_file_and_no_other(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("old")
    with pytest.raises(RuntimeError):
        fail_while_writing(tmp_path / "out")
    assert (tmp_path / "out").read_text() == "old"
    assert list(tmp_path.iterdir()) == [tmp_path / "out"]


def test_an_unwritable_path_is_refused_before_the_work_begins(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written: No such file or directory"):
        check_writable(tmp_path / "missing" / "out")
    with pytest.raises(InputError, match="not a file"):
        check_writable(tmp_path)


def test_checking_a_path_leaves_no_file(tmp_path: Path) -> None:
    check_writable(tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
