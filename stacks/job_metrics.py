"""CloudWatch metrics from the job's log line of each batch. The job itself publishes no metrics."""

from collections.abc import Mapping

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_logs as logs
from constructs import Construct

from stacks.config import Config

BATCH = logs.FilterPattern.string_value("$.message", "=", "batch")
# Fields of the log line of runtime/attribution_job/progress.py; each becomes a metric of the same name.
FIELDS = (
    "clicks",
    "checkouts",
    "refunds",
    "credits",
    "dead_letters",
    "repaired",
    "conflicts",
    "late",
    "duplicates",
    "unknown_fields",
    "batch_ms",
    "put_to_row_seconds",
    "watermark_lag_seconds",
    "consumer_lag_ms",
    "state_rows",
)


class JobMetrics(Construct):
    """Metric filters on the job's log group, and the metrics that they produce."""

    def __init__(self, scope: Construct, construct_id: str, *, config: Config, job_output: logs.LogGroup) -> None:
        super().__init__(scope, construct_id)
        self._namespace = config.name("job")
        for field in FIELDS:
            self._filter(job_output, field, f"$.{field}")
        self._filter(job_output, "batches", "1")

    def _filter(self, job_output: logs.LogGroup, name: str, value: str) -> None:
        logs.MetricFilter(
            self,
            name,
            log_group=job_output,
            filter_name=name,
            filter_pattern=BATCH,
            metric_namespace=self._namespace,
            metric_name=name,
            metric_value=value,
        )

    def sum(self, name: str) -> cloudwatch.Metric:
        """Returns the metric's sum over five minutes."""
        return self._metric(name, cloudwatch.Stats.SUM)

    def maximum(self, name: str) -> cloudwatch.Metric:
        """Returns the metric's maximum over five minutes."""
        return self._metric(name, cloudwatch.Stats.MAXIMUM)

    def late_share(self) -> cloudwatch.MathExpression:
        """Returns the percentage of accepted events that arrived after the watermark."""
        return _percentage(
            "100 * late / (clicks + checkouts)",
            "late",
            {name: self.sum(name) for name in ("late", "clicks", "checkouts")},
        )

    def dead_letter_share(self) -> cloudwatch.MathExpression:
        """Returns the percentage of received events that became dead letters."""
        return _percentage(
            "100 * refused / (refused + clicks + checkouts)",
            "dead letters",
            {"refused": self.sum("dead_letters")} | {name: self.sum(name) for name in ("clicks", "checkouts")},
        )

    def repaired_share(self) -> cloudwatch.MathExpression:
        """Returns the percentage of an hour's events that needed a repair or conflicted with a stored event."""
        hour = Duration.hours(1)
        names = ("repaired", "conflicts", "clicks", "checkouts", "refunds")
        return _percentage(
            "100 * (repaired + conflicts) / (clicks + checkouts + refunds)",
            "repaired, conflicts",
            {name: self.sum(name).with_(period=hour) for name in names},
            period=hour,
        )

    def unattributed_share(self) -> cloudwatch.MathExpression:
        """Returns the percentage of an hour's checkouts without a click.

        The value is an estimate: a credit that moves to an earlier click counts twice. The error is at most the number
        of repairs.
        """
        hour = Duration.hours(1)
        return _percentage(
            "100 * (1 - credited / checkouts)",
            "unattributed",
            {"credited": self.sum("credits").with_(period=hour), "checkouts": self.sum("checkouts").with_(period=hour)},
            period=hour,
        )

    def _metric(self, name: str, statistic: str) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace=self._namespace,
            metric_name=name,
            statistic=statistic,
            period=Duration.minutes(5),
            label=name.replace("_", " "),
        )


def _percentage(
    expression: str,
    label: str,
    metrics: Mapping[str, cloudwatch.IMetric],
    period: Duration | None = None,
) -> cloudwatch.MathExpression:
    return cloudwatch.MathExpression(
        expression=expression, label=f"{label} (%)", using_metrics=dict(metrics), period=period or Duration.minutes(5)
    )
