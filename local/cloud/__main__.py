"""`python -m local.cloud FOLDER`: the cloud in the foreground, until SIGTERM; its data and logs are below FOLDER.

Where it listens: $BIND_HOST and $GATEWAY_PORT, which are `ministack`'s own.
"""

import asyncio
import os
import sys
from importlib import import_module
from pathlib import Path

from local.cloud.services import cloudformation, functions, glue, kinesis, rds, schedules


def main(folder: Path) -> None:
    # Imported here, because that alone starts things.
    app = import_module("ministack.app")
    provisioners = import_module("ministack.services.cloudformation.provisioners")
    cloudwatch, eventbridge, glue_service, kinesis_service, lambda_service, rds_service, secretsmanager = (
        import_module(f"ministack.services.{name}")
        for name in ("cloudwatch", "eventbridge", "glue", "kinesis", "lambda_svc", "rds", "secretsmanager")
    )
    functions.extend(import_module("ministack.core.lambda_runtime"), lambda_service, eventbridge)
    types = provisioners._RESOURCE_HANDLERS
    kinesis.extend(kinesis_service)
    cloudformation.extend(types)
    schedules.extend(eventbridge, cloudwatch)
    with rds.Instances(folder / "rds") as instances, glue.Runs(glue_service, eventbridge, folder / "glue") as runs:
        rds.extend(types, rds_service, secretsmanager, instances)
        glue.extend(glue_service, runs)
        sys.argv[1:] = []
        asyncio.BaseEventLoop.shutdown_default_executor = _nobody_waits  # type: ignore[assignment,method-assign]
        app.main()


async def _nobody_waits(_loop: object) -> None:
    """A thread may be in the middle of a deployment, which waits minutes for an answer."""


if __name__ == "__main__":
    status = 1
    try:
        main(Path(sys.argv[1]))
        status = 0
    finally:
        # Not sys.exit(), which would wait for such threads.
        sys.stderr.flush()
        os._exit(status)
