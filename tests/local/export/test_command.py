"""The command export as a process: its output, its login, its end."""

import signal
import time
from pathlib import Path

import psycopg

from local.servers.postgres import Server
from tests.local.commands import run, started


def test_the_analyst_can_export_to_the_standard_output(server: Server, database: str, tmp_path: Path) -> None:
    url = server.url(database.rpartition("/")[2], "pipeline_analyst")
    result = run(tmp_path, "export", "one_column", DATABASE_URL=url)
    assert (result.returncode, result.stdout, result.stderr) == (0, "n\n1\n\n3\n", "")


def test_a_login_that_cannot_act_as_the_analyst_is_refused(server: Server, database: str, tmp_path: Path) -> None:
    url = server.url(database.rpartition("/")[2], "pipeline_writer")
    result = run(tmp_path, "export", "one_column", DATABASE_URL=url)
    assert (result.returncode, result.stdout) == (2, "")
    assert "this login cannot act as pipeline_analyst" in result.stderr


def test_a_closed_pipe_ends_the_export_quietly(database: str, tmp_path: Path) -> None:
    with started(tmp_path, "export", "many", DATABASE_URL=database) as export:
        assert export.stdout is not None
        assert export.stdout.readline() == "n,label,ratio\n"
        export.stdout.close()
        assert export.wait(timeout=60) == 0
        assert export.stderr is not None
        assert export.stderr.read() == ""


def test_ctrl_c_cancels_the_query_and_leaves_no_file(database: str, tmp_path: Path) -> None:
    output = tmp_path / "out"
    output.mkdir()
    running = "select count(*) from pg_stat_activity where query like 'copy%endless%' and state = 'active'"
    with (
        psycopg.connect(database, autocommit=True) as connection,
        started(tmp_path, "export", "endless", "--output", output / "x.parquet", DATABASE_URL=database) as export,
    ):
        deadline = time.monotonic() + 60
        while connection.execute(running).fetchone() != (1,) and time.monotonic() < deadline:
            time.sleep(0.05)
        export.send_signal(signal.SIGINT)
        _, err = export.communicate(timeout=60)
        assert (export.returncode, "Traceback" in err) == (130, False)
        assert connection.execute(running).fetchone() == (0,)
    assert list(output.iterdir()) == []
