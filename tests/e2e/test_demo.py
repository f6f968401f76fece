import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.local.commands import leftovers, run, started

pytestmark = pytest.mark.timeout(600)


def test_the_demo_accounts_for_every_event_though_its_deployed_job_is_killed(tmp_path: Path) -> None:
    """The schedule fires the function; the job dies in its first batch, and Glue tries its run again."""
    report = tmp_path / "report.json"
    with started(tmp_path, "demo", "--for", "20", "--headless", "--report", report) as demo:
        os.kill(job_that_started_its_query(tmp_path), signal.SIGKILL)
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


def job_that_started_its_query(folder: Path) -> int:
    """Its process' id."""
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        for log in (folder / "cloud" / "glue").glob("jr_*/output.log"):
            if "query started" in log.read_text():
                command = ["pgrep", "--oldest", "--full", f"{log.parent}/.*\\.py "]
                return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        time.sleep(0.1)
    raise AssertionError("waited 240 s for the job to start its query")
