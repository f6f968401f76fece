import re
from pathlib import Path
from typing import Any

import pytest

from tests.stacks.conftest import ROOT, Environment

RUNBOOKS = re.compile(r"docs/operations\.md#([a-z-]+)")


def alarms(environment: Environment) -> dict[str, dict[str, Any]]:
    """Returns the properties of each alarm, by alarm id."""
    prefix = environment.config.name("")
    return {
        alarm["Properties"]["AlarmName"].removeprefix(prefix): alarm["Properties"]
        for alarm in environment.resources("Monitoring", "AWS::CloudWatch::Alarm").values()
    }


def anchors(page: Path) -> set[str]:
    """Returns the anchors of the page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_promise_and_service_has_an_alarm(environment: Environment) -> None:
    expected = {
        "Freshness",
        "WatermarkLag",
        "ConsumerLag",
        "LateEvents",
        "DeadLetters",
        "RepairedEvents",
        "Unattributed",
        "ClicksMissing",
        "ClicksDropped",
        "ClicksThrottled",
        "ClicksBehind",
        "CheckoutsMissing",
        "CheckoutsDropped",
        "CheckoutsThrottled",
        "CheckoutsBehind",
        "GeneratorErrors",
        "GeneratorGaveUp",
        "OrchestratorErrors",
        "DatabaseBusy",
        "DatabaseConnections",
        "DatabaseStorage",
        "AnalyticsErrors",
        "AnalyticsStale",
        "InputRefused",
        "DataQuality",
        "Anomalies",
    }
    assert set(alarms(environment)) == expected | ({"JobSilent"} if environment.config.job_always_on else set())


@pytest.mark.parametrize(
    ("alarm", "dev_threshold", "prod_threshold"),
    [
        ("Freshness", 300, 60),
        ("WatermarkLag", 1200, 1200),
        ("ConsumerLag", 5 * 60 * 1000, 5 * 60 * 1000),
        ("LateEvents", 5, 5),
        ("DeadLetters", 2, 2),
        ("Unattributed", 80, 80),
        ("ClicksBehind", 30 * 60 * 1000, 30 * 60 * 1000),
        ("GeneratorErrors", 1, 1),
        ("DatabaseBusy", 80, 80),
        ("DatabaseConnections", 64, 661),
        ("DatabaseStorage", 3 * 1024**3, 15 * 1024**3),
        ("AnalyticsErrors", 1, 1),
        ("AnalyticsStale", 1, 1),
        ("InputRefused", 1, 1),
        ("DataQuality", 1, 1),
        ("Anomalies", 1, 1),
    ],
)
def test_alarm_thresholds_follow_the_environment(
    dev: Environment, prod: Environment, alarm: str, dev_threshold: float, prod_threshold: float
) -> None:
    assert alarms(dev)[alarm]["Threshold"] == dev_threshold
    assert alarms(prod)[alarm]["Threshold"] == prod_threshold


def test_a_jump_of_repairs_is_measured_against_what_was_usual(environment: Environment) -> None:
    alarm = alarms(environment)["RepairedEvents"]
    band = next(metric for metric in alarm["Metrics"] if metric["Id"] == alarm["ThresholdMetricId"])
    assert band["Expression"].startswith("ANOMALY_DETECTION_BAND(")
    assert alarm["ComparisonOperator"] == "GreaterThanUpperThreshold"


@pytest.mark.parametrize("stream", ["Clicks", "Checkouts"])
def test_a_drop_of_records_is_measured_against_what_was_usual(environment: Environment, stream: str) -> None:
    alarm = alarms(environment)[f"{stream}Dropped"]
    band = next(metric for metric in alarm["Metrics"] if metric["Id"] == alarm["ThresholdMetricId"])
    assert band["Expression"].startswith("ANOMALY_DETECTION_BAND(")
    assert alarm["ComparisonOperator"] == "LessThanLowerThreshold"
    assert alarm["TreatMissingData"] == "notBreaching"
    (records,) = [metric["MetricStat"] for metric in alarm["Metrics"] if "MetricStat" in metric]
    assert (records["Metric"]["MetricName"], records["Period"]) == ("IncomingRecords", 30 * 60)


def test_missing_data_raises_alarms_where_the_job_always_runs(prod: Environment) -> None:
    for alarm in ("JobSilent", "Freshness", "ClicksMissing", "CheckoutsMissing"):
        assert alarms(prod)[alarm]["TreatMissingData"] == "breaching"


def test_models_without_a_complete_refresh_for_half_an_hour_raise_an_alarm(environment: Environment) -> None:
    alarm = alarms(environment)["AnalyticsStale"]
    (metric,) = alarm["Metrics"]
    assert metric["MetricStat"]["Metric"]["MetricName"] == "refreshes"
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("LessThanThreshold", 1)
    assert metric["MetricStat"]["Period"] * alarm["EvaluationPeriods"] == 30 * 60
    assert alarm["TreatMissingData"] == "breaching"


def test_a_stopped_job_raises_no_freshness_alarm_in_dev(dev: Environment) -> None:
    assert alarms(dev)["Freshness"]["TreatMissingData"] == "notBreaching"


def test_every_alarm_notifies_the_topic_when_raised_and_when_cleared(environment: Environment) -> None:
    (topic,) = environment.resources("Monitoring", "AWS::SNS::Topic")
    for alarm in alarms(environment).values():
        assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": topic}]


def test_every_alarm_names_a_runbook_that_exists(environment: Environment) -> None:
    runbooks = anchors(ROOT / "docs" / "operations.md")
    for name, alarm in alarms(environment).items():
        match = RUNBOOKS.search(alarm["AlarmDescription"])
        assert match, name
        assert match[1] in runbooks, name


def test_every_runbook_belongs_to_an_existing_alarm(dev: Environment, prod: Environment) -> None:
    described = {RUNBOOKS.search(alarm["AlarmDescription"])[1] for alarm in alarms(prod).values()}  # type: ignore[index]
    section = (ROOT / "docs" / "operations.md").read_text().partition("## Runbooks")[2].partition("\n## ")[0]
    headings = {heading.lower().replace(" ", "-") for heading in re.findall(r"^### (.+)$", section, flags=re.MULTILINE)}
    assert headings == described | {"job-failed"}


def rule(environment: Environment, source: str) -> dict[str, Any]:
    """Returns the properties of the rule for the events of a service."""
    rules = [rule["Properties"] for rule in environment.resources("Monitoring", "AWS::Events::Rule").values()]
    (properties,) = [rule for rule in rules if rule["EventPattern"]["source"] == [source]]
    return dict(properties)


def test_a_failed_run_is_reported_with_its_runbook(environment: Environment) -> None:
    failed = rule(environment, "aws.glue")
    assert failed["EventPattern"]["detail-type"] == ["Glue Job State Change"]
    assert "FAILED" in failed["EventPattern"]["detail"]["state"]
    assert "docs/operations.md#job-failed" in str(failed["Targets"])


def test_a_timeout_is_reported_only_where_no_schedule_brings_the_job_back(dev: Environment, prod: Environment) -> None:
    for environment in (dev, prod):
        states = rule(environment, "aws.glue")["EventPattern"]["detail"]["state"]
        assert ("TIMEOUT" in states) is (environment.config.start_schedule is None)
    assert "JobSilent" in alarms(prod), "reports a job that does not come back"


def test_the_storage_alarm_precedes_rds_and_events_report_its_limit(environment: Environment) -> None:
    initial_bytes = environment.config.database_storage_gib * 1024**3
    alarm = alarms(environment)["DatabaseStorage"]
    assert alarm["ComparisonOperator"] == "LessThanThreshold"
    assert alarm["Threshold"] > initial_bytes / 10, "RDS adds storage at 10 %"
    limit = rule(environment, "aws.rds")
    assert limit["EventPattern"]["detail-type"] == ["RDS DB Instance Event"]
    assert {"RDS-EVENT-0223", "RDS-EVENT-0224"} < set(limit["EventPattern"]["detail"]["EventID"])
    assert "docs/operations.md#database-storage" in str(limit["Targets"])


def test_alarm_messages_are_encrypted_and_require_tls(environment: Environment) -> None:
    (key,) = environment.resources("Monitoring", "AWS::KMS::Key")
    assert environment.properties("Monitoring", "AWS::SNS::Topic")["KmsMasterKeyId"] == {"Fn::GetAtt": [key, "Arn"]}
    policy = environment.properties("Monitoring", "AWS::SNS::TopicPolicy")["PolicyDocument"]["Statement"]
    assert any(
        statement["Effect"] == "Deny" and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        for statement in policy
    )
    publishers = str([statement["Principal"] for statement in policy if statement["Effect"] == "Allow"])
    users = str(environment.properties("Monitoring", "AWS::KMS::Key")["KeyPolicy"]["Statement"])
    for service in ("cloudwatch.amazonaws.com", "events.amazonaws.com"):
        assert service in publishers
        assert service in users


def test_alarms_are_emailed_where_an_address_is_configured(dev: Environment, prod: Environment) -> None:
    dev.templates["Monitoring"].resource_count_is("AWS::SNS::Subscription", 0)
    subscription = prod.properties("Monitoring", "AWS::SNS::Subscription")
    assert (subscription["Protocol"], subscription["Endpoint"]) == ("email", prod.config.alarm_email)
