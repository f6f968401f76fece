import json
import os
import signal
import subprocess
import time
from pathlib import Path

import psycopg

from local.cloud.environment import DATABASE
from local.servers import postgres
from stacks.config import DEV
from tests.e2e.analytics import check_models
from tests.local.commands import leftovers, run, started


def test_the_demo_accounts_for_every_event_despite_job_and_database_failures(tmp_path: Path) -> None:
    """The job is killed in its first micro-batch, and Glue retries its run.

    Later the database is restarted while the job writes and the demo reads.
    """
    report = tmp_path / "report.json"
    with started(tmp_path, "demo", "--for", "40", "--headless", "--report", report) as demo:
        os.kill(job_that_logged(tmp_path, "query started"), signal.SIGKILL)
        job_that_logged(tmp_path, '"message": "batch"')
        instance = tmp_path / "cloud" / "rds" / DEV.name("database")
        postgres._run(instance, "pg_ctl", "--wait", "--mode=fast", "restart")
        out, err = demo.communicate(timeout=300)
    assert demo.returncode == 0, out + err
    account = json.loads(report.read_text())
    assert (account["lost"], account["duplicated"], account["wrong"]) == (0, 0, 0)
    assert account["published"] == account["accepted"] + account["repeated"] + account["dead_lettered"]
    assert account["published"] > 1000
    assert account["attributed"] > 0
    assert account["job_restarts"] == 1
    assert leftovers(tmp_path) == []
    psql = run(tmp_path, "psql", "-Atc", "select count(*) from attributed_checkouts")
    assert psql.stdout.strip() == str(account["checkouts"])
    assert f"{account['checkouts']:,}" in run(tmp_path, "status").stdout
    with (
        postgres.running(tmp_path / "cloud" / "rds" / DEV.name("database")) as server,
        psycopg.connect(server.url(DATABASE), autocommit=True) as connection,
    ):
        check_models(connection)
    assert leftovers(tmp_path) == []


def job_that_logged(folder: Path, text: str) -> int:
    """Waits until the job has logged `text`; returns the id of its process."""
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        for log in (folder / "cloud" / "glue").glob("jr_*/output.log"):
            # The folder of a killed run is deleted.
            if log.exists() and text in log.read_text():
                command = ["pgrep", "--oldest", "--full", f"{log.parent}/.*\\.py "]
                return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        time.sleep(0.1)
    raise AssertionError(f"timed out: waited 240 s for the job to log {text}")
