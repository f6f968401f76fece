"""`python -m local logs`: CloudWatch Logs of the deployed functions and the job."""

import time
from datetime import UTC, datetime

from local.cloud import deployed_job, emulator, lifetime
from local.cloud.environment import GENERATOR_LOG_GROUP
from local.cloud.log_reader import LogReader
from local.errors import InputError

GROUPS = {
    "generator": GENERATOR_LOG_GROUP,
    "job": deployed_job.LOG_GROUP,
    "migrations": "/aws/lambda/ecommerce-streaming-dev-database",
    "orchestrator": "/aws/lambda/ecommerce-streaming-dev-orchestrator",
}
LOOK_SECONDS = 1


def show(source: str, *, follow: bool) -> int:
    """Prints the log of one of GROUPS, oldest line first; `follow`: until it is interrupted.

    Raises:
        InputError: nothing is up.
    """
    url = lifetime.endpoint()
    if url is None:
        raise InputError("nothing is up: python -m local up")
    with emulator.reached(url):
        reader = LogReader(GROUPS[source], since=datetime.fromtimestamp(0, UTC))
        while True:
            for line in reader.new():
                print(line, flush=True)
            if not follow:
                return 0
            time.sleep(LOOK_SECONDS)
