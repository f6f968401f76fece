import json
import os
import signal
import subprocess
import time
from pathlib import Path

from local.servers import postgres
from stacks.config import DEV
from tests.local.commands import leftovers, run, started


def test_the_demo_accounts_for_every_event_though_job_and_database_fail(tmp_path: Path) -> None:
    """The schedule fires the function. The job dies in its first batch, and Glue tries its run again; then the database
    is restarted under the job that writes and the demo that looks."""
    report = tmp_path / "report.json"
    with started(tmp_path, "demo", "--for", "40", "--headless", "--report", report) as demo:
        os.kill(job_that_logged(tmp_path, "query started"), signal.SIGKILL)
        job_that_logged(tmp_path, '"message": "batch"')
        instance = tmp_path / "cloud" / "rds" / DEV.name("database")
        postgres._run(instance, "pg_ctl", "--wait", "--mode=fast", "restart")
        out, err = demo.communicate(timeout=300)
    assert demo.returncode == 0, out + err
    found = json.loads(report.read_text())
    assert (found["lost"], found["duplicated"], found["wrong"]) == (0, 0, 0)
    assert found["published"] == found["accepted"] + found["repeated"] + found["dead_lettered"]
    assert found["published"] > 1000
    assert found["attributed"] > 0
    assert found["job_restarts"] == 1
    assert leftovers(tmp_path) == []
    psql = run(tmp_path, "psql", "-Atc", "select count(*) from attributed_checkouts")
    assert psql.stdout.strip() == str(found["checkouts"])
    assert f"{found['checkouts']:,}" in run(tmp_path, "status").stdout
    assert leftovers(tmp_path) == []


def job_that_logged(folder: Path, text: str) -> int:
    """Its process' id."""
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        for log in (folder / "cloud" / "glue").glob("jr_*/output.log"):
            # A run that was killed takes its folder with it.
            if log.exists() and text in log.read_text():
                command = ["pgrep", "--oldest", "--full", f"{log.parent}/.*\\.py "]
                return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        time.sleep(0.1)
    raise AssertionError(f"waited 240 s for the job to log {text}")
