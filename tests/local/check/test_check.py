"""The command check as its user sees it: summary, messages, exit status, and its end by Ctrl-C or a closed pipe."""

import gzip
import json
import os
import pty
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from local.folder import PROJECT
from tests.local.check.test_verdicts import CHECKOUT, CLICK, lines
from tests.local.commands import run, started
from tests.local.event_files.writing import written


def test_the_summary_counts_by_reason_with_examples(tmp_path: Path) -> None:
    clicks = written(tmp_path / "clicks.jsonl", lines(CLICK, CLICK | {"user_id": ""}, CLICK | {"click_id": 5}) + b"\n")
    orders = written(tmp_path / "orders.json", json.dumps([CHECKOUT, CHECKOUT | {"user_id": None}], indent=1).encode())
    result = run(tmp_path, "check", clicks, orders)
    assert result.returncode == 0
    rows = [[cell.strip() for cell in line.strip("│").split("│")] for line in result.stdout.splitlines() if "│" in line]
    counts = {row[0]: row[1] for row in rows if row[0]}
    assert counts | {"": ""} == {
        "": "", "lines read": "6", "blank": "1", "events": "5", "accepted": "3", "ignored": "0", "refused": "2",
        "repaired": "",
    }  # fmt: skip
    meanings = " ".join(row[2] for row in rows)
    assert "2 clicks, 1 checkout no event" in meanings
    assert "user_id: empty (clicks.jsonl:2)" in meanings
    assert "user_id: missing (orders.json:9)" in meanings
    assert "number_as_id (clicks.jsonl:3)" in meanings
    assert f"{clicks}: JSON Lines, UTF-8, LF; begins with clicks" in result.stderr
    assert f"{orders}: JSON array, UTF-8, LF; begins with checkouts" in result.stderr


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"some text\nwithout events\n", "no event in it is accepted: not JSON (2)"),
        (b"customer,order\nu,k\n", "none of its columns is click_id, checkout_id or refund_id"),
        (lines({"event": "page"}), "--mapping reads events of another shape"),
        (b"", None),
    ],
    ids=range(4),
)
def test_a_file_without_an_accepted_event_says_why(tmp_path: Path, content: bytes, message: str | None) -> None:
    path = written(tmp_path / "events", content)
    result = run(tmp_path, "check", path)
    assert result.returncode == 1
    if message:
        assert f"{path}: " in result.stderr
        assert message in result.stderr
    good = written(tmp_path / "good", lines(CLICK))
    assert run(tmp_path, "check", good, path).returncode == (1 if message else 0)


def test_an_unreadable_input_is_named_and_nothing_is_checked(tmp_path: Path) -> None:
    good = written(tmp_path / "good", lines(CLICK))
    html = written(tmp_path / "page.csv", b"<html>")
    for arguments, message in (
        ([tmp_path / "none"], "none: No such file"),
        ([tmp_path], "a folder"),
        ([html], "HTML or XML"),
        (["--mapping", "sgment"], "sgment"),
        (["--mapping", tmp_path / "none.toml"], "none.toml: cannot be read"),
    ):
        result = run(tmp_path, "check", "--json", *arguments, good)
        assert result.returncode == 2
        assert message in result.stderr
        assert "Traceback" not in result.stderr
        assert result.stdout == ""


def test_a_cut_file_is_checked_up_to_the_cut(tmp_path: Path) -> None:
    path = written(tmp_path / "cut.gz", gzip.compress(lines(CLICK, CLICK))[:-3])
    result = run(tmp_path, "check", "--json", path)
    assert len(result.stdout.splitlines()) == 2
    assert "its gzip data ends too early: the file was cut; what precedes was read: 2 lines" in result.stderr
    assert result.returncode == 2


def test_the_content_decides_and_not_the_name(tmp_path: Path) -> None:
    path = written(tmp_path / "clicks.parquet", b"click_id;user_id;click_timestamp\r\nc;u;2026-03-01T10:00Z\r\n")
    result = run(tmp_path, "check", path)
    assert "CSV, UTF-8, CRLF, separated by semicolon; columns: click_id, user_id, click_timestamp" in result.stderr
    assert result.returncode == 0


def test_what_a_file_is_is_told_before_all_of_it_is_read(tmp_path: Path) -> None:
    path = written(tmp_path / "many.jsonl", lines(CLICK) * 300_000)
    with started(tmp_path, "check", path) as check:
        assert check.stderr
        assert "JSON Lines" in check.stderr.readline()
        assert check.poll() is None
        check.send_signal(signal.SIGINT)
        out, err = check.communicate(timeout=30)
    assert check.returncode == 130
    assert "Traceback" not in err
    assert out == ""


def test_a_reader_that_stops_early_ends_the_check_quietly(tmp_path: Path) -> None:
    path = written(tmp_path / "many.jsonl", lines(CLICK) * 20_000)
    command = [sys.executable, "-m", "local", "check", "--json", str(path)]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as check:
        assert check.stdout
        assert check.stderr
        assert json.loads(check.stdout.readline())["id"] == "c1"
        check.stdout.close()
        assert "Traceback" not in check.stderr.read()
        assert check.wait(30) == 0


def test_progress_on_a_terminal_leaves_the_output_alone(tmp_path: Path) -> None:
    path = written(tmp_path / "clicks.jsonl", lines(CLICK) * 3_000)
    command = [sys.executable, "-m", "local", "check", "--json", str(path)]
    terminal, stderr = pty.openpty()
    environment = os.environ | {"TERM": "xterm"}
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=stderr, env=environment) as check:
        os.close(stderr)
        shown = threading.Thread(target=_drain, args=(terminal, seen := bytearray()))
        shown.start()
        assert check.stdout
        assert len(check.stdout.read().splitlines()) == 3_000
        assert check.wait(30) == 0
        shown.join()
    assert b"read, bytes" in seen
    assert b"click_timestamp" not in seen


def _drain(terminal: int, seen: bytearray) -> None:
    """Reads what is shown on a terminal until its other end is closed."""
    with suppress(OSError):
        while data := os.read(terminal, 4096):
            seen += data


def test_help_explains_formats_fields_and_exit_status(tmp_path: Path) -> None:
    result = run(tmp_path, "check", "--help")
    for word in ("Parquet", "gzip", "--mapping", "--records", "event_time", "repairs", "exit status", "arrive now"):
        assert word in result.stdout
