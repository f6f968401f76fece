"""Metrics from log lines, the dashboard that shows them, and the saved queries."""

import dataclasses
import json
import re

import pytest

from runtime.analytics.refresh import Outcome
from runtime.attribution_job.sink.counts import BatchCounts
from stacks.analytics_metrics import METRICS
from stacks.job_metrics import FIELDS
from stacks.saved_queries import QUERIES
from tests.stacks.conftest import ROOT, Environment


def metric_values(environment: Environment, namespace: str) -> dict[str, tuple[str, str]]:
    """Returns the filter pattern and the value of each metric that comes from a log."""
    filters = [
        (resource["Properties"]["FilterPattern"], resource["Properties"]["MetricTransformations"][0])
        for resource in environment.resources("Monitoring", "AWS::Logs::MetricFilter").values()
    ]
    return {
        transformation["MetricName"]: (pattern, transformation["MetricValue"])
        for pattern, transformation in filters
        if transformation["MetricNamespace"] == environment.config.name(namespace)
    }


def test_every_field_of_a_batch_is_a_metric(environment: Environment) -> None:
    batch = '{ $.message = "batch" }'
    assert metric_values(environment, "job") == {field: (batch, f"$.{field}") for field in FIELDS} | {
        "batches": (batch, "1")
    }


def test_the_metrics_of_analytics_come_from_lines_that_the_function_logs(environment: Environment) -> None:
    metrics = metric_values(environment, "analytics")
    assert metrics.keys() == METRICS.keys()
    source = "".join(path.read_text() for path in (ROOT / "runtime" / "analytics").rglob("*.py"))
    for pattern, value in metrics.values():
        (message,) = re.findall(r'\$\.message = "([^"]+)"', pattern)
        assert re.search(rf'log\.(info|warning|error)\("{message}", extra=', source)
        assert value == "1" or value.removeprefix("$.outcome.") in {field.name for field in dataclasses.fields(Outcome)}
    complete = [name for name, (pattern, _) in metrics.items() if "$.outcome.is_complete IS TRUE" in pattern]
    assert complete == ["refreshes", "recomputed_checkouts"]


def test_the_metrics_are_fields_that_the_job_logs() -> None:
    counted = {field.name for field in dataclasses.fields(BatchCounts)}
    logged = (ROOT / "runtime" / "attribution_job" / "progress.py").read_text()
    assert [field for field in FIELDS if field not in counted and f'"{field}"' not in logged] == []


@pytest.mark.parametrize(
    "metric",
    [
        "IncomingRecords",
        "GetRecords.IteratorAgeMilliseconds",
        "WriteProvisionedThroughputExceeded",
        "ReadProvisionedThroughputExceeded",
        "Invocations",
        "Errors",
        "Duration",
        "glue.succeed.ALL",
        "glue.error.ALL",
        "glue.driver.aggregate.elapsedTime",
        "CPUUtilization",
        "DatabaseConnections",
        "FreeStorageSpace",
        "ReadThroughput",
        "WriteThroughput",
        "put_to_row_seconds",
        "watermark_lag_seconds",
        "consumer_lag_ms",
        "late",
        "dead_letters",
        "credits",
        "clicks",
        "checkouts",
        "refreshes",
        "recomputed_checkouts",
        "loaded_files",
        "refused_files",
    ],
)
def test_the_dashboard_shows_every_metric(environment: Environment, metric: str) -> None:
    body = environment.properties("Monitoring", "AWS::CloudWatch::Dashboard")["DashboardBody"]
    assert f'"{metric}"' in "".join(part if isinstance(part, str) else "" for part in body["Fn::Join"][1])


def test_the_dashboard_is_valid_json(environment: Environment) -> None:
    body = environment.properties("Monitoring", "AWS::CloudWatch::Dashboard")["DashboardBody"]
    widgets = json.loads("".join(part if isinstance(part, str) else "token" for part in body["Fn::Join"][1]))["widgets"]
    assert len(widgets) == 29


def test_queries_are_saved_for_the_jobs_log(environment: Environment) -> None:
    saved = environment.resources("Monitoring", "AWS::Logs::QueryDefinition").values()
    assert {query["Properties"]["Name"].rpartition("/")[2] for query in saved} == set(QUERIES)
    assert all(query["Properties"]["LogGroupNames"] for query in saved)
