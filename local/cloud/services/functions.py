"""Lambda: functions run in this machine's Python, log lines of JSON, and are counted and retried as on AWS."""

import inspect
import json
import logging
import time
from typing import Any

from local.cloud.services import function_runtime

log = logging.getLogger(__name__)

IMPORTABLE = "sys.path.insert(0, code_dir)\n"


def extend(lambda_runtime: Any, lambda_service: Any, eventbridge: Any) -> None:
    prepare_workers(lambda_runtime)
    count_every_invocation(lambda_service)
    retry_for_rules(lambda_service, eventbridge)


def prepare_workers(lambda_runtime: Any) -> None:
    """Lets each worker call function_runtime.prepare() before it imports the function's handler.

    Raises:
        RuntimeError: the worker of `ministack` is another than the one that this was written for.
    """
    worker = lambda_runtime._PYTHON_WORKER_SCRIPT
    if worker.count(IMPORTABLE) != 1:
        raise RuntimeError("this version of ministack starts Lambda functions in another way")
    prepared = worker.replace(IMPORTABLE, f"{IMPORTABLE.rstrip()}; prepare(code_dir)\n")
    lambda_runtime._PYTHON_WORKER_SCRIPT = inspect.getsource(function_runtime) + prepared


def count_every_invocation(service: Any) -> None:
    """Invocations, Errors and Duration, whoever invokes; `ministack` counts those that ask for an answer."""
    execute, count = service._execute_function_dispatch, service._emit_lambda_metrics

    def execute_and_count(function: Any, config: Any, event: Any, request_id: str, started: float) -> Any:
        began = time.monotonic()
        result = execute(function, config, event, request_id, started)
        milliseconds = 1000 * (time.monotonic() - began)
        count(config["FunctionName"], milliseconds, error=bool(result.get("error")), throttle=False)
        return result

    def count_throttled(name: str, duration_ms: float, error: bool, throttle: bool) -> None:
        if throttle:
            count(name, duration_ms, error, throttle)

    service._execute_function_dispatch, service._emit_lambda_metrics = execute_and_count, count_throttled


def retry_for_rules(service: Any, eventbridge: Any) -> None:
    """A rule invokes a function asynchronously: what fails is tried again, and ends in the dead-letter queue."""

    def dispatch(arn: str, payload: str) -> None:
        function, config, name = service._get_func_record_for_ref(arn)
        if not function or not config:
            log.error("a rule invokes %s, which is not there", name)
            return
        service.invoke_async_with_retry(service._execution_record_for_config(function, config), json.loads(payload))

    eventbridge._dispatch_to_lambda = dispatch
