from dataclasses import replace
from typing import Any

import pytest

from stacks.config import DEV, PROD
from stacks.cost import ALARMED_METRICS, KEYS, SECRETS, hourly, main, micro_batches, per_million
from stacks.micro_batches import batch_cost, checkpoint_files
from tests.stacks.conftest import ROOT, Environment


def test_the_costs_follow_the_configuration() -> None:
    three_workers = dict(hourly(replace(DEV, job_workers=3)))
    assert three_workers["Glue job, 3 G.1X, while it runs"] == pytest.approx(3 * 0.308)
    assert "NAT gateway, 1" in dict(hourly(DEV))
    assert not [label for label in dict(hourly(PROD)) if label.startswith("NAT")]


def test_a_million_events_cost_the_hours_in_which_they_arrive() -> None:
    hourly_cost = sum(cost for _, cost in hourly(DEV)) + 3600 / DEV.trigger_seconds * batch_cost(DEV)
    assert f"${hourly_cost / 3.6:.3f} at 1,000 events/s" in per_million(DEV)
    assert "joined in spark" in per_million(replace(DEV, attribution_join="spark"))


def test_a_micro_batch_costs_the_requests_for_its_files() -> None:
    three_partitions = replace(DEV, attribution_join="spark", shuffle_partitions=3)
    assert checkpoint_files(three_partitions) == 5
    assert batch_cost(three_partitions) == pytest.approx(5 * (8 * 5e-6 + 7 * 4e-7) + 1200 * 0.5e-9)
    assert checkpoint_files(replace(DEV, attribution_join="postgres")) == 2


def test_a_shorter_trigger_interval_costs_more() -> None:
    cost = 3600 * batch_cost(DEV)
    text = micro_batches(replace(DEV, trigger_seconds=2))
    assert f"every 2 s. Its requests to S3 and its log line then cost ${cost / 2:.2f} an hour" in text
    assert f"${cost / 0.2:.2f} at 0.2 s" in text


def test_the_priced_resources_match_the_templates(environment: Environment) -> None:
    kinds = [resource["Type"] for _, _, resource in environment.all_resources()]
    assert kinds.count("AWS::KMS::Key") == KEYS
    assert kinds.count("AWS::SecretsManager::Secret") + 1 == SECRETS  # RDS creates the owner's secret
    alarms = environment.resources("Monitoring", "AWS::CloudWatch::Alarm").values()
    assert sum(alarmed_metrics(alarm["Properties"]) for alarm in alarms) in (ALARMED_METRICS - 1, ALARMED_METRICS)


def alarmed_metrics(alarm: dict[str, Any]) -> int:
    """Returns the number of metrics for which an alarm is charged; a band counts as two more."""
    metrics = alarm.get("Metrics", [{"MetricStat": alarm.get("MetricName")}])
    return sum("MetricStat" in metric for metric in metrics) + 2 * ("ThresholdMetricId" in alarm)


def test_the_documentation_has_the_computed_table(capsys: pytest.CaptureFixture[str]) -> None:
    main()
    assert capsys.readouterr().out.strip() in (ROOT / "docs" / "deploying.md").read_text()
