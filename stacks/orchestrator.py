"""The function that starts and stops the attribution job, by hand or by schedule."""

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_glue as glue
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks.config import Config
from stacks.python_function import PythonFunction


class Orchestrator(PythonFunction):
    """Takes `{"action": "start" | "stop" | "status"}`; each schedule that is configured sends one of them."""

    def __init__(self, scope: Construct, construct_id: str, *, config: Config, job: glue.PySparkStreamingJob) -> None:
        super().__init__(
            scope,
            construct_id,
            config=config,
            component="orchestrator",
            description="Starts, stops and reports on the attribution job",
            environment={"JOB_NAME": job.job_name},
            timeout=Duration.minutes(1),
            memory_size=256,
            retry_attempts=2,
            max_event_age=Duration.minutes(30),
        )
        self.add_to_role_policy(
            iam.PolicyStatement(
                actions=["glue:GetJobRuns", "glue:StartJobRun", "glue:BatchStopJobRun"], resources=[job.job_arn]
            )
        )
        self._schedule("start", config.start_schedule)
        self._schedule("stop", config.stop_schedule)

    def _schedule(self, action: str, expression: str | None) -> None:
        if expression is None:
            return
        events.Rule(
            self,
            f"{action.capitalize()}Schedule",
            description=f"Schedule of the attribution job: {action}",
            schedule=events.Schedule.expression(expression),
            targets=[
                targets.LambdaFunction(
                    self,
                    event=events.RuleTargetInput.from_object({"action": action}),
                    retry_attempts=2,
                    max_event_age=Duration.minutes(30),
                )
            ],
        )
