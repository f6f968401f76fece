"""Configuration → stage → synth: `cdk deploy --all`, or `cdk deploy --all -c env=prod`."""

from aws_cdk import App, Tags

from stacks.config import environment
from stacks.stage import StreamingStage

app = App()
config = environment(app.node.try_get_context("env") or "dev")
stage = StreamingStage(app, config)
Tags.of(stage).add("project", "ecommerce-streaming")
Tags.of(stage).add("environment", config.environment)
app.synth()
