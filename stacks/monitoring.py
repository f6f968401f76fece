"""Whether the pipeline keeps its promises, and who hears of it when not."""

from collections.abc import Sequence

from aws_cdk import Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_glue as glue
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_rds as rds
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.alarms import BELOW, Alarms, runbook
from stacks.config import Config
from stacks.dashboard import Dashboard
from stacks.job_metrics import JobMetrics

GIB = 1024**3

QUERIES = {
    "promises": """
        filter message = "batch"
        | stats max(put_to_row_seconds) as freshness, max(watermark_lag_seconds) as watermark_lag, sum(late) as late,
            sum(dead_letters) as dead_letters, 100 * (1 - sum(credits) / sum(checkouts)) as unattributed by bin(5m)
    """,
    "slowest-batches": """
        fields @timestamp, batch_id, batch_ms, clicks, checkouts, state_rows
        | filter message = "batch"
        | sort batch_ms desc
        | limit 50
    """,
    "errors": """
        fields @timestamp, @logStream, message, exception
        | filter level in ["WARNING", "ERROR"]
        | sort @timestamp desc
        | limit 100
    """,
}


class MonitoringStack(Stack):
    """Metrics, alarms, the dashboard and saved queries."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: Config,
        streams: Sequence[kinesis.Stream],
        data_generator: lambda_.Function,
        undelivered: sqs.Queue,
        database: rds.DatabaseInstance,
        job: glue.PySparkStreamingJob,
        job_output: logs.LogGroup,
        orchestrator: lambda_.Function,
    ) -> None:
        super().__init__(scope, construct_id, description="Dashboard, alarms and saved queries")
        self._config = config
        self._job_metrics = JobMetrics(self, "JobMetrics", config=config, job_output=job_output)
        self._alarms = Alarms(self, "Alarms", config=config)
        self._watch_promises()
        self._watch_streams(streams)
        self._watch_generator(data_generator, undelivered)
        self._watch_job(job, orchestrator)
        self._watch_database(database)
        self._save_queries(job_output)
        Dashboard(
            self,
            "Dashboard",
            config=config,
            alarms=self._alarms.all,
            job_metrics=self._job_metrics,
            streams=streams,
            functions=[data_generator, orchestrator],
            job=job,
            database=database,
        )

    def _watch_promises(self) -> None:
        add, metrics, always_on = self._alarms.add, self._job_metrics, self._config.job_always_on
        seconds = self._config.freshness_seconds
        add(
            "Freshness",
            f"Events took more than {seconds} s from their stream to the database.",
            metrics.maximum("put_to_row_seconds"),
            seconds,
            periods=2,
            missing_is_bad=always_on,
        )
        # Five minutes of allowed disorder, five between two runs of the generator, and as much again.
        add("WatermarkLag", "Event time stands still.", metrics.maximum("watermark_lag_seconds"), 1200, periods=2)
        add("LateEvents", "More than 5 % of events came after the watermark.", metrics.late_share(), 5, periods=3)
        add("DeadLetters", "More than 2 % of events were refused.", metrics.dead_letter_share(), 2, periods=3)
        add("Unattributed", "An hour's checkouts are mostly without a click.", metrics.unattributed_share(), 80)
        if always_on:
            add(
                "JobSilent",
                "The job has written no batch for 15 minutes.",
                metrics.sum("batches"),
                1,
                comparison=BELOW,
                periods=3,
                missing_is_bad=True,
            )

    def _watch_streams(self, streams: Sequence[kinesis.Stream]) -> None:
        minutes = Duration.minutes(5)
        for stream in streams:
            name = stream.node.id
            self._alarms.add(
                f"{name}Missing",
                "No record was put on the stream for 15 minutes.",
                stream.metric_incoming_records(period=minutes, statistic="Sum"),
                1,
                comparison=BELOW,
                periods=3,
                missing_is_bad=True,
            )
            self._alarms.add(
                f"{name}Throttled",
                "Records were refused for a stream's throughput.",
                stream.metric_write_provisioned_throughput_exceeded(period=minutes, statistic="Sum"),
                1,
            )
            self._alarms.add(
                f"{name}Behind",
                "The job reads records half an hour after they were put.",
                stream.metric_get_records_iterator_age_milliseconds(period=minutes, statistic="Maximum"),
                Duration.minutes(30).to_milliseconds(),
            )

    def _watch_generator(self, data_generator: lambda_.Function, undelivered: sqs.Queue) -> None:
        self._alarms.add(
            "GeneratorErrors", "The data generator failed.", data_generator.metric_errors(period=Duration.minutes(5)), 1
        )
        self._alarms.add(
            "GeneratorGaveUp",
            "An invocation of the data generator failed for good: it is in the dead-letter queue.",
            undelivered.metric_approximate_number_of_messages_visible(statistic="Maximum"),
            1,
        )

    def _watch_job(self, job: glue.PySparkStreamingJob, orchestrator: lambda_.Function) -> None:
        self._alarms.add(
            "OrchestratorErrors",
            "The job was not started or stopped as asked.",
            orchestrator.metric_errors(period=Duration.minutes(5)),
            1,
        )
        run, state = (events.EventField.from_path(f"$.detail.{field}") for field in ("jobRunId", "state"))
        events.Rule(
            self,
            "JobFailed",
            description="A run of the attribution job failed",
            event_pattern=events.EventPattern(
                source=["aws.glue"],
                detail_type=["Glue Job State Change"],
                detail={"jobName": [job.job_name], "state": ["FAILED", "TIMEOUT"]},
            ),
            targets=[
                targets.SnsTopic(
                    self._alarms.topic,
                    message=events.RuleTargetInput.from_text(
                        f"Run {run} of {job.job_name} ended: {state}. {runbook('JobFailed')}"
                    ),
                )
            ],
        )

    def _watch_database(self, database: rds.DatabaseInstance) -> None:
        add, config = self._alarms.add, self._config
        add("DatabaseBusy", "The database's CPU is busy.", database.metric_cpu_utilization(), 80, periods=3)
        add(
            "DatabaseConnections",
            "Four fifths of the database's connections are taken.",
            database.metric_database_connections(statistic="Maximum"),
            config.database_connections * 4 // 5,
        )
        add(
            "DatabaseStorage",
            "Less than a tenth of the first storage is free, so autoscaling does not keep up.",
            database.metric_free_storage_space(statistic="Minimum"),
            config.database_storage_gib * GIB // 10,
            comparison=BELOW,
        )

    def _save_queries(self, job_output: logs.LogGroup) -> None:
        for name, query in QUERIES.items():
            logs.CfnQueryDefinition(
                self,
                f"Query {name}",
                name=f"{self._config.name('job')}/{name}",
                log_group_names=[job_output.log_group_name],
                query_string=" ".join(query.split()),
            )
