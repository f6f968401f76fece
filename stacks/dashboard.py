"""The CloudWatch dashboard: the pipeline's promises first, then the services that they depend on."""

from collections.abc import Sequence

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_glue as glue
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_rds as rds
from constructs import Construct

from stacks.analytics_metrics import AnalyticsMetrics
from stacks.config import Config
from stacks.job_metrics import JobMetrics

MINUTES = Duration.minutes(5)


class Dashboard(cloudwatch.Dashboard):
    """The dashboard of an environment."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: Config,
        alarms: Sequence[cloudwatch.Alarm],
        job_metrics: JobMetrics,
        analytics_metrics: AnalyticsMetrics,
        streams: Sequence[kinesis.Stream],
        functions: Sequence[lambda_.Function],
        job: glue.PySparkStreamingJob,
        database: rds.DatabaseInstance,
    ) -> None:
        super().__init__(
            scope, construct_id, dashboard_name=config.name("pipeline"), default_interval=Duration.hours(3)
        )
        self.add_widgets(cloudwatch.AlarmStatusWidget(title="Alarms", alarms=list(alarms), width=24, height=4))
        self._row("Promises", _promises(job_metrics))
        self._row("Kinesis", _kinesis(streams, job_metrics))
        self._row("Lambda", _lambda(functions))
        self._row("Glue", _glue(job, job_metrics))
        self._row("RDS", _rds(database))
        self._row("Analytics", _analytics(analytics_metrics))

    def _row(self, title: str, graphs: dict[str, Sequence[cloudwatch.IMetric]]) -> None:
        self.add_widgets(cloudwatch.TextWidget(markdown=f"## {title}", width=24, height=1))
        self.add_widgets(
            *(
                cloudwatch.GraphWidget(title=name, left=list(metrics), width=24 // len(graphs), height=6)
                for name, metrics in graphs.items()
            )
        )


def _promises(job: JobMetrics) -> dict[str, Sequence[cloudwatch.IMetric]]:
    return {
        "Freshness: stream to row (s)": [job.maximum("put_to_row_seconds")],
        "Watermark lag (s)": [job.maximum("watermark_lag_seconds")],
        "Late, dead letters (%)": [job.late_share(), job.dead_letter_share()],
        "Unattributed checkouts, repaired events (%)": [job.unattributed_share(), job.repaired_share()],
    }


def _kinesis(streams: Sequence[kinesis.Stream], job: JobMetrics) -> dict[str, Sequence[cloudwatch.IMetric]]:
    return {
        "Incoming records": [
            stream.metric_incoming_records(statistic="Sum", period=MINUTES, label=stream.node.id) for stream in streams
        ],
        "Iterator age (ms)": [
            stream.metric_get_records_iterator_age_milliseconds(period=MINUTES, label=stream.node.id)
            for stream in streams
        ],
        "Consumer lag of the slowest shard (ms)": [job.maximum("consumer_lag_ms")],
        "Throttled records": [
            metric(statistic="Sum", period=MINUTES, label=f"{stream.node.id}, {direction}")
            for stream in streams
            for direction, metric in (
                ("write", stream.metric_write_provisioned_throughput_exceeded),
                ("read", stream.metric_read_provisioned_throughput_exceeded),
            )
        ],
    }


def _lambda(functions: Sequence[lambda_.Function]) -> dict[str, Sequence[cloudwatch.IMetric]]:
    return {
        "Invocations": [function.metric_invocations(period=MINUTES, label=function.node.id) for function in functions],
        "Errors": [function.metric_errors(period=MINUTES, label=function.node.id) for function in functions],
        "Duration (ms)": [
            function.metric_duration(period=MINUTES, statistic="p95", label=function.node.id) for function in functions
        ],
    }


def _glue(job: glue.PySparkStreamingJob, metrics: JobMetrics) -> dict[str, Sequence[cloudwatch.IMetric]]:
    def glue_metric(name: str, **dimensions: str) -> cloudwatch.Metric:
        """Returns a metric that Glue publishes, over all runs of the job."""
        return cloudwatch.Metric(
            namespace="Glue",
            metric_name=name,
            dimensions_map={"JobName": job.job_name, "JobRunId": "ALL", "Type": "count"} | dimensions,
            statistic="Sum",
            period=MINUTES,
        )

    return {
        "Successful runs, failed runs, batches": [
            glue_metric("glue.succeed.ALL", ObservabilityGroup="error"),
            glue_metric("glue.error.ALL", ObservabilityGroup="error"),
            metrics.sum("batches"),
        ],
        "Execution time: all tasks, longest batch (ms)": [
            glue_metric("glue.driver.aggregate.elapsedTime"),
            metrics.maximum("batch_ms"),
        ],
        "Records processed": [metrics.sum(name) for name in ("clicks", "checkouts", "credits", "duplicates")],
        "State (rows)": [metrics.maximum("state_rows")],
    }


def _rds(database: rds.DatabaseInstance) -> dict[str, Sequence[cloudwatch.IMetric]]:
    return {
        "CPU (%)": [database.metric_cpu_utilization()],
        "Connections": [database.metric_database_connections()],
        "Free storage (bytes)": [database.metric_free_storage_space()],
        "Throughput (bytes/s)": [database.metric("ReadThroughput"), database.metric("WriteThroughput")],
    }


def _analytics(metrics: AnalyticsMetrics) -> dict[str, Sequence[cloudwatch.IMetric]]:
    return {
        "Complete refreshes": [metrics.sum("refreshes")],
        "Recomputed checkouts": [metrics.sum("recomputed_checkouts")],
        "Files of inputs": [metrics.sum("loaded_files"), metrics.sum("refused_files")],
    }
