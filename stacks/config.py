"""What differs between environments, and where they are delivered from: here, and nowhere else."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from aws_cdk import RemovalPolicy
from aws_cdk.aws_logs import RetentionDays

PROJECT = "ecommerce-streaming"


@dataclass(frozen=True, kw_only=True)
class Config:
    """One environment. Schedules are EventBridge expressions, in UTC."""

    environment: str

    # 0: the private subnets have no route to the internet, and reach AWS through endpoints alone.
    nat_gateways: int

    stream_retention_hours: int
    generator_schedule: str

    database_instance: str
    database_multi_az: bool
    database_storage_gib: int
    database_max_storage_gib: int
    database_connections: int  # max_connections of the instance class, which follows from its memory
    backup_days: int

    job_workers: int
    # Where checkouts are joined with clicks: docs/decisions/0008-where-the-join-runs.md says from which rate on.
    attribution_join: Literal["spark", "postgres"]
    # None: a run ends only when it is stopped, and Glue replaces it in its maintenance window.
    job_timeout_hours: int | None
    # When the orchestrator starts the job (which does nothing while a run is active), and when it stops it.
    start_schedule: str | None
    stop_schedule: str | None
    # Whether a job that does not run is an incident.
    job_always_on: bool

    # Credited this long after it was put on its stream, a checkout is late for its readers.
    freshness_seconds: int
    alarm_email: str | None
    log_retention: RetentionDays
    # Of what holds data. DESTROY also turns off the database's protection against deletion.
    removal_policy: RemovalPolicy

    def name(self, thing: str) -> str:
        """The physical name of what people and scripts look up by name."""
        return f"{PROJECT}-{self.environment}-{thing}"

    def log_group_name(self, thing: str) -> str:
        """The log group of what does not choose its own."""
        return f"/{PROJECT}/{self.environment}/{thing}"

    @property
    def keeps_data(self) -> bool:
        """Whether data outlives the stack."""
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
    job_workers=2,
    attribution_join="spark",
    job_timeout_hours=12,
    start_schedule=None,
    # Started by hand; what was forgotten in the evening is not paid for at night.
    stop_schedule="cron(0 20 * * ? *)",
    job_always_on=False,
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
    # One for the driver; two executors have a core for each of the eight shards that two on-demand streams start with.
    job_workers=3,
    attribution_join="spark",
    job_timeout_hours=None,
    # Brings back a run that ended, whatever ended it.
    start_schedule="rate(5 minutes)",
    stop_schedule=None,
    job_always_on=True,
    freshness_seconds=60,
    alarm_email="data-on-call@example.com",
    log_retention=RetentionDays.THREE_MONTHS,
    removal_policy=RemovalPolicy.RETAIN,
)

ENVIRONMENTS = {config.environment: config for config in (DEV, PROD)}


def environment(name: str) -> Config:
    """The configuration of that name.

    Raises:
        ValueError: there is none; the message has the names that there are.
    """
    if name not in ENVIRONMENTS:
        raise ValueError(f"unknown environment {name!r}: expected one of {', '.join(ENVIRONMENTS)}")
    return ENVIRONMENTS[name]


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """What the pipeline follows: `owner/name` on GitHub, by a connection that was authorised by hand."""

    repository: str
    connection_arn: str

    @property
    def connection_service(self) -> str:
        """The prefix of actions on the connection: codeconnections, or codestar-connections before it was renamed."""
        return self.connection_arn.split(":")[2]


# By the names of the context in cdk.json.
DELIVERY = {
    "repository": r"[\w.-]+/[\w.-]+",
    "connection_arn": r"arn:[\w-]+:(codeconnections|codestar-connections):[\w-]+:\d{12}:connection/[\w-]+",
}


def delivery(context: Callable[[str], str | None], *, needed: bool) -> Delivery | None:
    """The delivery that the context configures; None where it has nothing of it and that is not `needed`.

    Raises:
        ValueError: something is missing or malformed; the message says what.
    """
    given = {name: context(name) or "" for name in DELIVERY}
    if not needed and not any(given.values()):
        return None
    wrong = [
        f"{name} is {repr(given[name]) if given[name] else 'missing'}"
        for name, form in DELIVERY.items()
        if not re.fullmatch(form, given[name])
    ]
    if wrong:
        raise ValueError(f"delivery needs context in cdk.json: {', '.join(wrong)}; see docs/deploying.md")
    return Delivery(**given)
