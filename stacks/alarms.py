"""Alarms and events that notify people and link to a runbook."""

import re

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from stacks.config import Config
from stacks.encryption_key import EncryptionKey

RUNBOOK = "docs/operations.md"
AT_LEAST = cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD
# Width of the expected band of a metric, in standard deviations. Wide: an hour with few events varies much.
BAND_WIDTH = 4
BELOW = cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD


def runbook(alarm_id: str) -> str:
    """Returns the runbook section of an alarm id: `JobSilent` → `docs/operations.md#job-silent`."""
    return f"{RUNBOOK}#{re.sub(r'(?<!^)(?=[A-Z])', '-', alarm_id).lower()}"


class Alarms(Construct):
    """An environment's alarms, and the SNS topic that they notify."""

    def __init__(self, scope: Construct, construct_id: str, *, config: Config) -> None:
        super().__init__(scope, construct_id)
        self._config = config
        self.topic = self._topic()
        self.all: list[cloudwatch.Alarm] = []

    def _topic(self) -> sns.Topic:
        key = EncryptionKey(self, "Key", config=self._config, description="Alarms")
        topic = sns.Topic(self, "Topic", topic_name=self._config.name("alarms"), master_key=key, enforce_ssl=True)
        # A topic policy replaces the default policy, so CloudWatch needs its own permission to publish.
        topic.grant_publish(iam.ServicePrincipal("cloudwatch.amazonaws.com"))
        if self._config.alarm_email:
            topic.add_subscription(subscriptions.EmailSubscription(self._config.alarm_email))
        return topic

    def add(
        self,
        alarm_id: str,
        description: str,
        metric: cloudwatch.IMetric,
        threshold: float,
        *,
        comparison: cloudwatch.ComparisonOperator = AT_LEAST,
        periods: int = 1,
        missing_is_breaching: bool = False,
    ) -> None:
        """Adds an alarm that is raised when `metric` violates `threshold` for `periods` consecutive periods."""
        missing = cloudwatch.TreatMissingData
        alarm = cloudwatch.Alarm(
            self,
            alarm_id,
            alarm_name=self._config.name(alarm_id),
            alarm_description=f"{description} {runbook(alarm_id)}",
            metric=metric,
            threshold=threshold,
            comparison_operator=comparison,
            evaluation_periods=periods,
            treat_missing_data=missing.BREACHING if missing_is_breaching else missing.NOT_BREACHING,
        )
        self._publish(alarm)

    def add_jump(self, alarm_id: str, description: str, metric: cloudwatch.IMetric) -> None:
        """Adds an alarm that is raised when `metric` exceeds the band that CloudWatch expects."""
        self._add_band(alarm_id, description, metric, cloudwatch.ComparisonOperator.GREATER_THAN_UPPER_THRESHOLD)

    def add_drop(self, alarm_id: str, description: str, metric: cloudwatch.IMetric) -> None:
        """Adds an alarm that is raised when `metric` falls below the band that CloudWatch expects."""
        self._add_band(alarm_id, description, metric, cloudwatch.ComparisonOperator.LESS_THAN_LOWER_THRESHOLD)

    def _add_band(
        self,
        alarm_id: str,
        description: str,
        metric: cloudwatch.IMetric,
        comparison: cloudwatch.ComparisonOperator,
    ) -> None:
        """Adds an alarm on the band that CloudWatch expects of `metric` from its last two weeks.

        CloudWatch learns the band, with its daily and weekly seasons; until then the alarm lacks data:
        https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Anomaly_Detection.html
        """
        alarm = cloudwatch.AnomalyDetectionAlarm(
            self,
            alarm_id,
            alarm_name=self._config.name(alarm_id),
            alarm_description=f"{description} {runbook(alarm_id)}",
            metric=metric,
            std_devs=BAND_WIDTH,
            comparison_operator=comparison,
            evaluation_periods=1,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        self._publish(alarm)

    def _publish(self, alarm: cloudwatch.Alarm) -> None:
        """Sends the alarm's changes to the topic."""
        action = actions.SnsAction(self.topic)
        alarm.add_alarm_action(action)
        alarm.add_ok_action(action)
        self.all.append(alarm)

    def notify(self, rule: events.Rule, message: str, *, alarm_id: str) -> None:
        """Sends `message` to the topic for each event of the rule, with the runbook of `alarm_id`."""
        text = events.RuleTargetInput.from_text(f"{message} {runbook(alarm_id)}")
        rule.add_target(targets.SnsTopic(self.topic, message=text))
