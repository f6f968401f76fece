"""The settings that differ between environments.

No other module has settings of a single environment.
"""

from dataclasses import dataclass
from typing import Literal

from aws_cdk import RemovalPolicy
from aws_cdk.aws_logs import RetentionDays

from stacks import names

PROJECT = names.PROJECT


@dataclass(frozen=True, kw_only=True)
class Config:
    """The settings of one environment. Schedules are EventBridge expressions in UTC."""

    environment: str

    # 0: the private subnets have no route to the internet, and reach AWS only through VPC endpoints.
    nat_gateways: int

    stream_retention_hours: int
    generator_schedule: str

    database_instance: str
    database_multi_az: bool
    database_storage_gib: int
    database_max_storage_gib: int
    database_connections: int  # max_connections, which RDS derives from the instance class's memory
    backup_days: int
    # Whether an instance without open ports lets analysts reach the database from their machines. Without it, they use
    # CloudShell, which is free: docs/analyst-access.md
    analyst_host: bool
    # ARN of the QuickSight user or group that owns the dashboard, or None for no QuickSight. cdk.json sets it.
    quicksight_principal: str | None = None

    job_workers: int
    # `driver`: the job's own reader. `connector`: Glue's connector, the fallback for a stream that the driver cannot
    # read fast enough. Its micro-batches take ten seconds or more.
    kinesis_reader: Literal["driver", "connector"]
    # Partitions of the join's state, fixed for the life of a checkpoint. One for each executor core uses every core.
    # Each partition adds a file to the checkpoint of every micro-batch, which `make cost` prices.
    shuffle_partitions: int
    # Time from the start of a micro-batch to the start of the next one, at least. It adds to the latency of an event.
    # Every micro-batch writes to S3: `make cost` prices the interval. A job without new records starts no micro-batch.
    trigger_seconds: float
    # Limit of a micro-batch for each stream. It bounds the driver's memory, and the rate at which the job catches up:
    # this many records in each trigger interval.
    records_per_batch: int
    # Sessions that write a micro-batch at once. More than the database's vCPUs do not help.
    writers: int
    # The engine that joins checkouts with clicks: docs/decisions/0008-where-the-join-runs.md compares them by rate.
    attribution_join: Literal["spark", "postgres"]
    # Name of a mapping in runtime/attribution_job/events/mapping/builtin/, if both streams have foreign events. None:
    # the streams have our own events. Needs the join in PostgreSQL: docs/event-mappings.md
    event_mapping: str | None
    # Glue ends a run after this time. The longest is 168 hours, seven days; the default of Glue 5 and later is eight.
    # Glue restarts a run in the maintenance window only if the timeout is not below seven days.
    job_timeout_hours: int
    # Schedules of the orchestrator. A start has no effect while a run is active or stopping.
    start_schedule: str | None
    stop_schedule: str | None
    # Whether a job that is not running is an incident. The start schedule then brings back a run that has ended.
    job_always_on: bool

    # A refresh that takes longer than this interval makes the next one do nothing.
    refresh_schedule: str
    # Days of raw clicks that the refresh keeps: at least those of the look-back of the models, and 30 more. Checkouts,
    # credits and what the refreshes have computed stay.
    click_retention_days: int

    # Upper bound on the time from an event's arrival on its stream to the commit of its row.
    freshness_seconds: int
    alarm_email: str | None
    log_retention: RetentionDays
    # Applies to resources that hold data. DESTROY also turns off the database's deletion protection.
    removal_policy: RemovalPolicy

    def name(self, thing: str) -> str:
        """Returns the physical name of a resource that people and scripts look up by name."""
        return names.physical_name(self.environment, thing)

    def log_group_name(self, thing: str) -> str:
        """Returns the name of a log group, for services that do not prescribe one."""
        return f"/{PROJECT}/{self.environment}/{thing}"

    @property
    def keeps_data(self) -> bool:
        """Whether data remains after the stack is deleted."""
        return self.removal_policy is not RemovalPolicy.DESTROY


DEV = Config(
    environment="dev",
    nat_gateways=1,
    stream_retention_hours=24,
    generator_schedule="rate(5 minutes)",
    database_instance="t3.micro",
    database_multi_az=False,
    database_storage_gib=20,
    database_max_storage_gib=50,
    database_connections=81,
    backup_days=1,
    analyst_host=False,
    job_workers=2,
    kinesis_reader="driver",
    # Half of the four executor cores: the generator's few thousand events keep two cores busy for less than a second.
    shuffle_partitions=2,
    # The generator publishes for seconds and then pauses for minutes, so a short interval costs little.
    trigger_seconds=0.2,
    records_per_batch=20_000,
    # The batches are small: a second session would commit twice for a few hundred rows.
    writers=1,
    attribution_join="postgres",
    event_mapping=None,
    job_timeout_hours=12,
    start_schedule=None,
    # Runs are started by hand. The stop in the evening limits the cost of a forgotten run.
    stop_schedule="cron(0 20 * * ? *)",
    job_always_on=False,
    refresh_schedule="rate(5 minutes)",
    click_retention_days=60,
    freshness_seconds=300,
    alarm_email=None,
    log_retention=RetentionDays.ONE_WEEK,
    removal_policy=RemovalPolicy.DESTROY,
)

PROD = Config(
    environment="prod",
    nat_gateways=0,
    stream_retention_hours=24,
    generator_schedule="rate(5 minutes)",
    database_instance="m7g.large",
    database_multi_az=True,
    database_storage_gib=100,
    database_max_storage_gib=1000,
    database_connections=827,
    backup_days=14,
    # With the endpoints that it needs here, the host costs ten times as much as in dev.
    analyst_host=False,
    # One driver and two executors: one executor core for each of the two on-demand streams' eight initial shards.
    job_workers=3,
    kinesis_reader="driver",
    # The eight executor cores of two workers. For more workers, raise it with a new version of the query.
    shuffle_partitions=8,
    # Events arrive all the time, so the checkpoint's requests to S3 cost by the interval. With the join in PostgreSQL a
    # micro-batch writes two files, and one second costs as much as five seconds with the join in Spark.
    trigger_seconds=1,
    records_per_batch=50_000,
    # One for each vCPU of the database.
    writers=2,
    attribution_join="postgres",
    event_mapping=None,
    job_timeout_hours=168,
    # Restarts the job after a run has ended, for any reason. Every minute, so that a planned end of a run delays events
    # for less than two periods of the Freshness alarm.
    start_schedule="rate(1 minute)",
    stop_schedule=None,
    job_always_on=True,
    refresh_schedule="rate(5 minutes)",
    click_retention_days=400,
    freshness_seconds=60,
    alarm_email="data-on-call@example.com",
    log_retention=RetentionDays.THREE_MONTHS,
    removal_policy=RemovalPolicy.RETAIN,
)

ENVIRONMENTS = {config.environment: config for config in (DEV, PROD)}


def environment(name: str) -> Config:
    """Returns the configuration of the environment `name`.

    Raises:
        ValueError: no environment has this name; the message lists the valid names.
    """
    if name not in ENVIRONMENTS:
        raise ValueError(f"unknown environment {name!r}: expected one of {', '.join(ENVIRONMENTS)}")
    return ENVIRONMENTS[name]
