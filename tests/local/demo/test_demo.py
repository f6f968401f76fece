import json
import os
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.cloud.emulator import CREDENTIALS
from local.demo.figures import percentiles
from local.servers import postgres
from tests.local.commands import leftovers, run, started
from tests.waiting import wait_until


@pytest.fixture
def database_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with postgres.running(tmp_path_factory.mktemp("own")) as server:
        yield server.url("postgres")


def test_with_servers_of_the_users_own_every_event_is_accounted_for_though_the_job_is_killed(
    tmp_path: Path, database_url: str, emulator_url: str
) -> None:
    """All parts are real. The job dies in its first batch, when its checkpoint says more than its tables."""
    report, log = tmp_path / "report.json", tmp_path / "job.log"
    servers: dict[str, Any] = {"DATABASE_URL": database_url, "KINESIS_ENDPOINT_URL": emulator_url, **CREDENTIALS}
    with started(tmp_path, "demo", "--for", "8", "--headless", "--report", report, **servers) as demo:
        wait_until(lambda: log.exists() and "query started" in log.read_text(), "the job")
        os.kill(job_of(demo), signal.SIGKILL)
        out, err = demo.communicate(timeout=110)
    assert demo.returncode == 0, out + err
    assert "DATABASE_URL and KINESIS_ENDPOINT_URL given: nothing is deployed" in out
    found = json.loads(report.read_text())
    assert (found["lost"], found["duplicated"], found["wrong"]) == (0, 0, 0)
    assert found["published"] == found["accepted"] + found["repeated"] + found["dead_lettered"]
    assert found["published"] > 700
    assert found["checkouts"] == found["attributed"] + found["unattributed"]
    assert found["attributed"] > 0
    assert found["job_restarts"] == 1
    assert found["seconds_to_first_credit"] > 0
    assert set(found["latency_ms"]) == {"p50", "p99"}
    assert "Reconciliation" in out
    assert leftovers(tmp_path) == []
    psql = run(tmp_path, "psql", "-Atc", "select count(*) from attributed_checkouts", **servers)
    assert psql.stdout.strip() == str(found["checkouts"])


def job_of(demo: "subprocess.Popen[str]") -> int:
    command = ["pgrep", "--parent", str(demo.pid), "--full", "runtime.attribution_job"]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def test_percentiles_are_values_that_occurred() -> None:
    assert percentiles(Counter()) == {"p50": None, "p99": None}
    assert percentiles(Counter([7])) == {"p50": 7, "p99": 7}
    assert percentiles(Counter(range(1, 101))) == {"p50": 50, "p99": 99}
    assert percentiles(Counter([1] * 98 + [500, 900])) == {"p50": 1, "p99": 500}
