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
    with postgres.running(tmp_path_factory.mktemp("postgres")) as server:
        yield server.url("postgres")


def test_an_undeployed_demo_accounts_for_every_event_after_a_job_kill(
    tmp_path: Path, database_url: str, emulator_url: str
) -> None:
    """All parts are real. The job is killed in its first batch, after its checkpoint write and before its commit."""
    report, log = tmp_path / "report.json", tmp_path / "job.log"
    servers: dict[str, Any] = {"DATABASE_URL": database_url, "KINESIS_ENDPOINT_URL": emulator_url, **CREDENTIALS}
    with started(tmp_path, "demo", "--for", "8", "--headless", "--report", report, **servers) as demo:
        wait_until(lambda: log.exists() and "query started" in log.read_text(), "the job")
        os.kill(job_of(demo), signal.SIGKILL)
        out, err = demo.communicate(timeout=110)
    assert demo.returncode == 0, out + err
    assert "the page: http://127.0.0.1:" in out.splitlines()[0]
    assert "using DATABASE_URL and KINESIS_ENDPOINT_URL; nothing is deployed" in out
    fields = json.loads(report.read_text())
    assert (fields["lost"], fields["duplicated"], fields["wrong"]) == (0, 0, 0)
    assert fields["published"] == fields["accepted"] + fields["repeated"] + fields["dead_lettered"]
    assert fields["published"] > 700
    assert fields["checkouts"] == fields["attributed"] + fields["unattributed"]
    assert fields["attributed"] > 0
    assert fields["job_restarts"] == 1
    assert fields["seconds_to_first_credit"] > 0
    assert set(fields["latency_ms"]) == {"p50", "p99"}
    assert "Reconciliation" in out
    assert leftovers(tmp_path) == []
    psql = run(tmp_path, "psql", "-Atc", "select count(*) from attributed_checkouts", **servers)
    assert psql.stdout.strip() == str(fields["checkouts"])


def job_of(demo: "subprocess.Popen[str]") -> int:
    """Returns the process id of the demo's job."""
    command = ["pgrep", "--parent", str(demo.pid), "--full", "runtime.attribution_job"]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def test_percentiles_are_values_that_occurred() -> None:
    assert percentiles(Counter()) == {"p50": None, "p99": None}
    assert percentiles(Counter([7])) == {"p50": 7, "p99": 7}
    assert percentiles(Counter(range(1, 101))) == {"p50": 50, "p99": 99}
    assert percentiles(Counter([1] * 98 + [500, 900])) == {"p50": 1, "p99": 500}
