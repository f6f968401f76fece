"""CDK app: synthesises one environment or the delivery pipeline.

`-c env=dev` is the default; the other values are `prod` and `pipeline`.
"""

from aws_cdk import App

from stacks.config import DEV, PROD, environment
from stacks.delivery import delivery
from stacks.pipeline import PipelineStack
from stacks.quicksight.principal import with_principal
from stacks.stage import StreamingStage

app = App()
context = app.node.try_get_context
name = context("env") or "dev"
source = delivery(context, required=name == "pipeline")
if source and name == "pipeline":
    dev, prod = (StreamingStage(app, with_principal(config, context)) for config in (DEV, PROD))
    PipelineStack(app, "Pipeline", delivery=source, dev=dev, prod=prod)
else:
    StreamingStage(app, with_principal(environment(name), context))
app.synth()
