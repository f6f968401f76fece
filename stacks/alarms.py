"""How an alarm is made here: it reaches people, and tells them which page to open."""

import re

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from stacks.config import Config
from stacks.encryption_key import EncryptionKey

RUNBOOK = "docs/operations.md"
AT_LEAST = cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD
BELOW = cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD


def runbook(alarm: str) -> str:
    """The section about the alarm of that id: `JobSilent` → `docs/operations.md#job-silent`."""
    return f"{RUNBOOK}#{re.sub(r'(?<!^)(?=[A-Z])', '-', alarm).lower()}"


class Alarms(Construct):
    """The topic of an environment's alarms, and the alarms that it tells of."""

    def __init__(self, scope: Construct, construct_id: str, *, config: Config) -> None:
        super().__init__(scope, construct_id)
        self._config = config
        self.topic = self._topic()
        self.all: list[cloudwatch.Alarm] = []

    def _topic(self) -> sns.Topic:
        key = EncryptionKey(self, "Key", config=self._config, description="Alarms")
        topic = sns.Topic(self, "Topic", topic_name=self._config.name("alarms"), master_key=key, enforce_ssl=True)
        # A topic with a policy has lost the one by which anything in the account may publish.
        topic.grant_publish(iam.ServicePrincipal("cloudwatch.amazonaws.com"))
        if self._config.alarm_email:
            topic.add_subscription(subscriptions.EmailSubscription(self._config.alarm_email))
        return topic

    def add(
        self,
        alarm: str,
        says: str,
        metric: cloudwatch.IMetric,
        threshold: float,
        *,
        comparison: cloudwatch.ComparisonOperator = AT_LEAST,
        periods: int = 1,
        missing_is_bad: bool = False,
    ) -> None:
        """Alarm when `metric` has been on the wrong side of `threshold` for `periods` in a row."""
        missing = cloudwatch.TreatMissingData
        made = cloudwatch.Alarm(
            self,
            alarm,
            alarm_name=self._config.name(alarm),
            alarm_description=f"{says} {runbook(alarm)}",
            metric=metric,
            threshold=threshold,
            comparison_operator=comparison,
            evaluation_periods=periods,
            treat_missing_data=missing.BREACHING if missing_is_bad else missing.NOT_BREACHING,
        )
        action = actions.SnsAction(self.topic)
        made.add_alarm_action(action)
        made.add_ok_action(action)
        self.all.append(made)
