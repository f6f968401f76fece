"""Lambda: functions run in this machine's Python, log JSON, and have AWS' metrics and retries."""

import inspect
import json
import logging
import time
from typing import Any

from local.cloud.services import function_runtime

log = logging.getLogger(__name__)

PATH_SETUP = "sys.path.insert(0, code_dir)\n"


def extend(lambda_runtime: Any, lambda_service: Any, eventbridge: Any) -> None:
    prepare_workers(lambda_runtime)
    count_every_invocation(lambda_service)
    retry_for_rules(lambda_service, eventbridge)


def prepare_workers(lambda_runtime: Any) -> None:
    """Inserts a call of function_runtime.prepare() into the worker script, before the import of the function's handler.

    Raises:
        RuntimeError: the worker script of the installed `ministack` does not contain PATH_SETUP exactly once.
    """
    worker = lambda_runtime._PYTHON_WORKER_SCRIPT
    if worker.count(PATH_SETUP) != 1:
        raise RuntimeError("this ministack starts Lambda functions differently; install the pinned version: make setup")
    prepared = worker.replace(PATH_SETUP, f"{PATH_SETUP.rstrip()}; prepare(code_dir)\n")
    lambda_runtime._PYTHON_WORKER_SCRIPT = inspect.getsource(function_runtime) + prepared


def count_every_invocation(service: Any) -> None:
    """Records Invocations, Errors and Duration for every invocation.

    `ministack` alone records synchronous invocations only.
    """
    execute, count = service._execute_function_dispatch, service._emit_lambda_metrics

    def execute_and_count(function: Any, config: Any, event: Any, request_id: str, started: float) -> Any:
        start = time.monotonic()
        result = execute(function, config, event, request_id, started)
        milliseconds = 1000 * (time.monotonic() - start)
        count(config["FunctionName"], milliseconds, error=bool(result.get("error")), throttle=False)
        return result

    def count_throttled(name: str, duration_ms: float, error: bool, throttle: bool) -> None:
        if throttle:
            count(name, duration_ms, error, throttle)

    service._execute_function_dispatch, service._emit_lambda_metrics = execute_and_count, count_throttled


def retry_for_rules(service: Any, eventbridge: Any) -> None:
    """Makes rules invoke functions asynchronously, with retries and the dead-letter queue."""

    def dispatch(arn: str, payload: str) -> None:
        function, config, name = service._get_func_record_for_ref(arn)
        if not function or not config:
            log.error("a rule invokes the function %s, which does not exist", name)
            return
        service.invoke_async_with_retry(service._execution_record_for_config(function, config), json.loads(payload))

    eventbridge._dispatch_to_lambda = dispatch
