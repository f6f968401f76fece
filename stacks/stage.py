"""The stage of one environment. No other module connects its stacks."""

from aws_cdk import Stage, Tags
from constructs import Construct

from stacks.analytics import AnalyticsStack
from stacks.config import PROJECT, Config
from stacks.database import DatabaseStack
from stacks.monitoring import MonitoringStack
from stacks.network import NetworkStack
from stacks.processing import ProcessingStack
from stacks.quicksight.stack import QuickSightStack
from stacks.streams import StreamsStack


class StreamingStage(Stage):
    """The six stacks of an environment, for any account and region: synthesis looks nothing up.

    QuickSight, which is opt-in, is the seventh.
    """

    def __init__(self, scope: Construct, config: Config) -> None:
        super().__init__(scope, config.environment.capitalize(), stage_name=f"{PROJECT}-{config.environment}")
        self.config = config
        Tags.of(self).add("project", PROJECT)
        Tags.of(self).add("environment", config.environment)
        network = NetworkStack(self, "Network", config=config)
        streams = StreamsStack(self, "Streams", config=config)
        database = DatabaseStack(self, "Database", config=config, vpc=network.vpc)
        processing = ProcessingStack(
            self,
            "Processing",
            config=config,
            vpc=network.vpc,
            clicks=streams.clicks,
            checkouts=streams.checkouts,
            database=database.instance,
            writer_login=database.writer_login,
        )
        analytics = AnalyticsStack(
            self,
            "Analytics",
            config=config,
            vpc=network.vpc,
            database=database.instance,
            login=database.analytics_login,
        )
        MonitoringStack(
            self,
            "Monitoring",
            config=config,
            streams=[streams.clicks, streams.checkouts],
            data_generator=streams.data_generator,
            undelivered=streams.undelivered,
            database=database.instance,
            job=processing.job,
            job_output=processing.job_output,
            orchestrator=processing.orchestrator,
            analytics=analytics.function,
        )
        if config.quicksight_principal is not None:
            QuickSightStack(
                self,
                "QuickSight",
                config=config,
                vpc=network.vpc,
                database=database.instance,
                analyst_login=database.analyst_login,
            )
