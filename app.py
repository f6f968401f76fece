"""Configuration → stage or pipeline → synth: `cdk deploy --all`, `-c env=prod`, or `-c env=pipeline`."""

from aws_cdk import App

from stacks.config import DEV, PROD, delivery, environment
from stacks.pipeline import PipelineStack
from stacks.stage import StreamingStage

app = App()
name = app.node.try_get_context("env") or "dev"
source = delivery(app.node.try_get_context, needed=name == "pipeline")
if source and name == "pipeline":
    PipelineStack(app, "Pipeline", delivery=source, dev=StreamingStage(app, DEV), prod=StreamingStage(app, PROD))
else:
    StreamingStage(app, environment(name))
app.synth()
