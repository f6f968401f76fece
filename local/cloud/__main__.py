"""`python -m local.cloud FOLDER`: runs the local cloud in the foreground until SIGTERM.

Data and logs are stored below FOLDER. The server listens on $BIND_HOST and $GATEWAY_PORT, two variables of `ministack`.
"""

import asyncio
import os
import sys
from importlib import import_module
from pathlib import Path

from local.cloud.services import cloudformation, functions, glue, kinesis, rds, schedules


def main(folder: Path) -> None:
    # Imported inside the function, because importing `ministack` has side effects.
    app = import_module("ministack.app")
    provisioners = import_module("ministack.services.cloudformation.provisioners")
    cloudwatch, eventbridge, glue_service, kinesis_service, lambda_service, rds_service, secretsmanager, ssm = (
        import_module(f"ministack.services.{name}")
        for name in ("cloudwatch", "eventbridge", "glue", "kinesis", "lambda_svc", "rds", "secretsmanager", "ssm")
    )
    functions.extend(import_module("ministack.core.lambda_runtime"), lambda_service, eventbridge)
    types = provisioners._RESOURCE_HANDLERS
    kinesis.extend(kinesis_service)
    cloudformation.extend(types, ssm)
    schedules.extend(eventbridge, cloudwatch)
    with rds.Instances(folder / "rds") as instances, glue.Runs(glue_service, eventbridge, folder / "glue") as runs:
        rds.extend(types, rds_service, secretsmanager, instances)
        glue.extend(glue_service, runs)
        sys.argv[1:] = []
        asyncio.BaseEventLoop.shutdown_default_executor = _skip_shutdown  # type: ignore[assignment,method-assign]
        app.main()


async def _skip_shutdown(_loop: object) -> None:
    """Skips the wait for executor threads at shutdown: a deployment's thread may wait minutes for a response."""


if __name__ == "__main__":
    status = 1
    try:
        main(Path(sys.argv[1]))
        status = 0
    finally:
        # os._exit() rather than sys.exit(), which would wait for the executor threads.
        sys.stderr.flush()
        os._exit(status)
