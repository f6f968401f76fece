"""CDK app: synthesises one environment or the delivery pipeline.

`-c env=dev` is the default; the other values are `prod` and `pipeline`.
"""

from aws_cdk import App

from stacks.config import DEV, PROD, delivery, environment
from stacks.pipeline import PipelineStack
from stacks.stage import StreamingStage

app = App()
name = app.node.try_get_context("env") or "dev"
source = delivery(app.node.try_get_context, required=name == "pipeline")
if source and name == "pipeline":
    PipelineStack(app, "Pipeline", delivery=source, dev=StreamingStage(app, DEV), prod=StreamingStage(app, PROD))
else:
    StreamingStage(app, environment(name))
app.synth()
