"""What the job says of every batch in its log, as metrics: the job itself publishes none."""

from collections.abc import Mapping

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_logs as logs
from constructs import Construct

from stacks.config import Config

BATCH = logs.FilterPattern.string_value("$.message", "=", "batch")
# Fields of runtime/attribution_job/progress.py's line that are metrics of the same name.
FIELDS = (
    "clicks",
    "checkouts",
    "credits",
    "dead_letters",
    "late",
    "duplicates",
    "unknown_fields",
    "batch_ms",
    "put_to_row_seconds",
    "watermark_lag_seconds",
    "state_rows",
)


class JobMetrics(Construct):
    """Metrics of the log group that the job's batches are logged to."""

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
        """How many there were in five minutes."""
        return self._metric(name, cloudwatch.Stats.SUM)

    def maximum(self, name: str) -> cloudwatch.Metric:
        """The worst of five minutes."""
        return self._metric(name, cloudwatch.Stats.MAXIMUM)

    def late_share(self) -> cloudwatch.MathExpression:
        """Percentage of accepted events that came after the watermark."""
        return _percentage(
            "100 * late / (clicks + checkouts)",
            "late",
            {name: self.sum(name) for name in ("late", "clicks", "checkouts")},
        )

    def dead_letter_share(self) -> cloudwatch.MathExpression:
        """Percentage of received events that were refused."""
        return _percentage(
            "100 * refused / (refused + clicks + checkouts)",
            "dead letters",
            {"refused": self.sum("dead_letters")} | {name: self.sum(name) for name in ("clicks", "checkouts")},
        )

    def unattributed_share(self) -> cloudwatch.MathExpression:
        """Percentage of an hour's checkouts without a click.

        An estimate, by at most the repairs: a credit that moves to an earlier click counts again.
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
