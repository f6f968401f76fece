"""Metrics from the log lines of the analytics function, which publishes none itself, and its alarms."""

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from stacks.alarms import BELOW, Alarms
from stacks.config import Config

# The log lines of runtime/analytics: refresh.py, loading/objects.py, quality/refreshing.py and anomalies/refreshing.py.
REFRESHED = logs.FilterPattern.all(
    logs.FilterPattern.string_value("$.message", "=", "refreshed the attribution models"),
    logs.FilterPattern.boolean_value("$.outcome.is_complete", True),
)
LOADED = logs.FilterPattern.string_value("$.message", "=", "loaded the file")
REFUSED = logs.FilterPattern.string_value("$.message", "=", "refused the file")
BREACHED = logs.FilterPattern.string_value("$.message", "=", "data does not follow a quality rule")
FOUND = logs.FilterPattern.string_value("$.message", "=", "a series left its expected range")
# Name of a metric → the lines that it counts, and the value of each.
METRICS = {
    "refreshes": (REFRESHED, "1"),
    "recomputed_checkouts": (REFRESHED, "$.outcome.checkouts"),
    "loaded_files": (LOADED, "1"),
    "refused_files": (REFUSED, "1"),
    "quality_breaches": (BREACHED, "1"),
    "anomalies": (FOUND, "1"),
}


class AnalyticsMetrics(Construct):
    """Metric filters on the function's log group, and the metrics that they produce."""

    def __init__(self, scope: Construct, construct_id: str, *, config: Config, log_group: logs.ILogGroup) -> None:
        super().__init__(scope, construct_id)
        self._namespace = config.name("analytics")
        for name, (pattern, value) in METRICS.items():
            logs.MetricFilter(
                self,
                name,
                log_group=log_group,
                filter_name=name,
                filter_pattern=pattern,
                metric_namespace=self._namespace,
                metric_name=name,
                metric_value=value,
            )

    def sum(self, name: str, minutes: int = 5) -> cloudwatch.Metric:
        """Returns the metric's sum over a period."""
        return cloudwatch.Metric(
            namespace=self._namespace,
            metric_name=name,
            statistic=cloudwatch.Stats.SUM,
            period=Duration.minutes(minutes),
            label=name.replace("_", " "),
        )


def watch_analytics(alarms: Alarms, metrics: AnalyticsMetrics, function: lambda_.IFunction) -> None:
    """Adds the alarms on failures, on tables that are not kept up to date, and on files with problems."""
    alarms.add(
        "AnalyticsErrors",
        "A refresh of the attribution models, or the load of a file, failed.",
        function.metric_errors(period=Duration.minutes(5)),
        1,
    )
    alarms.add(
        "AnalyticsStale",
        "No refresh of the attribution models has completed for 30 minutes.",
        metrics.sum("refreshes", minutes=15),
        1,
        comparison=BELOW,
        periods=2,
        # The schedule runs in every environment, also while the job is stopped.
        missing_is_breaching=True,
    )
    alarms.add(
        "InputRefused",
        "A file of spend, rates or channel rules has problems, and was not loaded.",
        metrics.sum("refused_files"),
        1,
    )
    alarms.add(
        "DataQuality",
        "Events do not follow a quality rule, or a rule failed.",
        metrics.sum("quality_breaches", minutes=15),
        1,
    )
    alarms.add(
        "Anomalies",
        "A series of the shop, such as its clicks or its conversion rate, has left its expected range.",
        metrics.sum("anomalies"),
        1,
    )
