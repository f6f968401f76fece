"""`python -m local logs`: prints the CloudWatch Logs of the deployed functions and the job."""

import time
from datetime import UTC, datetime

from local.cloud import deployed_job, emulator, lifetime
from local.cloud.environment import ANALYTICS, GENERATOR_LOG_GROUP
from local.cloud.log_reader import LogReader
from local.errors import InputError

GROUPS = {
    "analytics": f"/aws/lambda/{ANALYTICS}",
    "generator": GENERATOR_LOG_GROUP,
    "job": deployed_job.LOG_GROUP,
    "migrations": "/aws/lambda/ecommerce-streaming-dev-database",
    "orchestrator": "/aws/lambda/ecommerce-streaming-dev-orchestrator",
}
LOOK_SECONDS = 1


def show(source: str, *, follow: bool) -> int:
    """Prints the log of `source`, a key of GROUPS, oldest line first, and returns exit status 0.

    With `follow` it keeps printing new lines until it is interrupted.

    Raises:
        InputError: no cloud is running.
    """
    url = lifetime.endpoint()
    if url is None:
        raise InputError("no cloud is running; start one with `python -m local up`")
    with emulator.reached(url):
        reader = LogReader(GROUPS[source], since=datetime.fromtimestamp(0, UTC))
        while True:
            for line in reader.new():
                print(line, flush=True)
            if not follow:
                return 0
            time.sleep(LOOK_SECONDS)
