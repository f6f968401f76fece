"""The alarms, dashboard and saved queries that show whether the pipeline keeps its promises."""

from collections.abc import Sequence

from aws_cdk import Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_glue as glue
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_rds as rds
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.alarms import BELOW, Alarms
from stacks.analytics_metrics import AnalyticsMetrics, watch_analytics
from stacks.config import Config
from stacks.dashboard import Dashboard
from stacks.job_metrics import JobMetrics
from stacks.saved_queries import save_queries

GIB = 1024**3
# The events by which RDS says that storage autoscaling will not help much longer: the storage has reached 80 % of its
# maximum, the next step would exceed the maximum, a step is impossible, no storage is free.
# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_Events.Messages.html
STORAGE_LIMIT_EVENTS = ["RDS-EVENT-0225", "RDS-EVENT-0224", "RDS-EVENT-0223", "RDS-EVENT-0007"]


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
        analytics: lambda_.Function,
    ) -> None:
        super().__init__(scope, construct_id, description="Dashboard, alarms and saved queries")
        self._config = config
        self._job_metrics = JobMetrics(self, "JobMetrics", config=config, job_output=job_output)
        self._analytics_metrics = AnalyticsMetrics(
            self, "AnalyticsMetrics", config=config, log_group=analytics.log_group
        )
        self._alarms = Alarms(self, "Alarms", config=config)
        self._watch_promises()
        self._watch_streams(streams)
        self._watch_generator(data_generator, undelivered)
        self._watch_job(job, orchestrator)
        self._watch_database(database)
        watch_analytics(self._alarms, self._analytics_metrics, analytics)
        save_queries(self, config=config, job_output=job_output)
        Dashboard(
            self,
            "Dashboard",
            config=config,
            alarms=self._alarms.all,
            job_metrics=self._job_metrics,
            analytics_metrics=self._analytics_metrics,
            streams=streams,
            functions=[data_generator, orchestrator, analytics],
            job=job,
            database=database,
        )

    def _watch_promises(self) -> None:
        add, metrics, always_on = self._alarms.add, self._job_metrics, self._config.job_always_on
        seconds = self._config.freshness_seconds
        add(
            "Freshness",
            f"Events took at least {seconds} s from the stream to the database.",
            metrics.maximum("put_to_row_seconds"),
            seconds,
            periods=2,
            missing_is_breaching=always_on,
        )
        # Seconds: twice the sum of the watermark's delay and the generator's interval, which are five minutes each.
        add(
            "WatermarkLag",
            "The watermark is at least 20 minutes behind.",
            metrics.maximum("watermark_lag_seconds"),
            1200,
            periods=2,
        )
        add(
            "ConsumerLag",
            "The job reads the slowest shard at least 5 minutes behind its end.",
            metrics.maximum("consumer_lag_ms"),
            Duration.minutes(5).to_milliseconds(),
            periods=2,
        )
        add("LateEvents", "At least 5 % of events arrived after the watermark.", metrics.late_share(), 5, periods=3)
        add("DeadLetters", "At least 2 % of events became dead letters.", metrics.dead_letter_share(), 2, periods=3)
        self._alarms.add_jump(
            "RepairedEvents",
            "The share of repaired and conflicting events has jumped: a producer has changed what it sends.",
            metrics.repaired_share(),
        )
        add("Unattributed", "At least 80 % of an hour's checkouts have no click.", metrics.unattributed_share(), 80)
        if always_on:
            add(
                "JobSilent",
                "The job has written no batch for 15 minutes.",
                metrics.sum("batches"),
                1,
                comparison=BELOW,
                periods=3,
                missing_is_breaching=True,
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
                missing_is_breaching=True,
            )
            self._alarms.add_drop(
                f"{name}Dropped",
                "Fewer records than usual at this time were put on the stream in half an hour.",
                stream.metric_incoming_records(period=Duration.minutes(30), statistic="Sum"),
            )
            self._alarms.add(
                f"{name}Throttled",
                "The stream throttled writes.",
                stream.metric_write_provisioned_throughput_exceeded(period=minutes, statistic="Sum"),
                1,
            )
            self._alarms.add(
                f"{name}Behind",
                "The job is at least 30 minutes behind the stream.",
                stream.metric_get_records_iterator_age_milliseconds(period=minutes, statistic="Maximum"),
                Duration.minutes(30).to_milliseconds(),
            )

    def _watch_generator(self, data_generator: lambda_.Function, undelivered: sqs.Queue) -> None:
        self._alarms.add(
            "GeneratorErrors", "The data generator failed.", data_generator.metric_errors(period=Duration.minutes(5)), 1
        )
        self._alarms.add(
            "GeneratorGaveUp",
            "The data generator failed after all retries: the invocation is in the dead-letter queue.",
            undelivered.metric_approximate_number_of_messages_visible(statistic="Maximum"),
            1,
        )

    def _watch_job(self, job: glue.PySparkStreamingJob, orchestrator: lambda_.Function) -> None:
        self._alarms.add(
            "OrchestratorErrors",
            "The orchestrator failed to start, stop or report on the job.",
            orchestrator.metric_errors(period=Duration.minutes(5)),
            1,
        )
        run, state = (events.EventField.from_path(f"$.detail.{field}") for field in ("jobRunId", "state"))
        # A run of an always-on job times out as planned, and the start schedule brings the job back. If it does not,
        # the alarm JobSilent goes off.
        states = ["FAILED"] if self._config.job_always_on else ["FAILED", "TIMEOUT"]
        pattern = events.EventPattern(
            source=["aws.glue"],
            detail_type=["Glue Job State Change"],
            detail={"jobName": [job.job_name], "state": states},
        )
        rule = events.Rule(self, "JobFailed", description="A run of the attribution job failed", event_pattern=pattern)
        self._alarms.notify(rule, f"Run {run} of {job.job_name} ended as {state}.", alarm_id="JobFailed")

    def _watch_database(self, database: rds.DatabaseInstance) -> None:
        add, config = self._alarms.add, self._config
        add(
            "DatabaseBusy",
            "The database's CPU utilization is at least 80 %.",
            database.metric_cpu_utilization(),
            80,
            periods=3,
        )
        add(
            "DatabaseConnections",
            "At least 80 % of the database's connections are in use.",
            database.metric_database_connections(statistic="Maximum"),
            config.database_connections * 4 // 5,
        )
        # RDS acts when at most 10 % of the allocated storage is free for five minutes, and never takes storage back.
        # After storage has grown by half, the alarm's threshold is below RDS' own, and the alarm means that RDS did not
        # act.
        # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_PIOPS.Autoscaling.html
        add(
            "DatabaseStorage",
            "Free storage is below 15 % of the initial storage: RDS adds storage at 10 %, for good.",
            database.metric_free_storage_space(statistic="Minimum"),
            config.database_storage_gib * GIB * 15 // 100,
            comparison=BELOW,
        )
        pattern = events.EventPattern(
            source=["aws.rds"],
            detail_type=["RDS DB Instance Event"],
            detail={"SourceIdentifier": [database.instance_identifier], "EventID": STORAGE_LIMIT_EVENTS},
        )
        rule = events.Rule(
            self, "StorageLimit", description="Storage autoscaling nears its limit, or fails", event_pattern=pattern
        )
        message = events.EventField.from_path("$.detail.Message")
        self._alarms.notify(rule, f"{database.instance_identifier}: {message}", alarm_id="DatabaseStorage")
