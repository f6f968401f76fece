"""The Lambda function that starts, stops and reports on the attribution job."""

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_glue as glue
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks.config import Config
from stacks.python_function import PythonFunction


class Orchestrator(PythonFunction):
    """A function that takes `{"action": "start" | "stop" | "status"}`, with the configured start and stop schedules."""

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
        self._schedule(config.name("start-job"), "start", config.start_schedule)
        self._schedule(config.name("stop-job"), "stop", config.stop_schedule)

    def _schedule(self, rule_name: str, action: str, expression: str | None) -> None:
        """Adds a rule with a name by which operators disable it: docs/operations.md, "Stop the job"."""
        if expression is None:
            return
        events.Rule(
            self,
            f"{action.capitalize()}Schedule",
            rule_name=rule_name,
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
