"""A CDK app of the dev environment with one change: the streams retain records for 48 hours."""

from dataclasses import replace

from aws_cdk import App

from stacks.config import DEV
from stacks.stage import StreamingStage

app = App()
StreamingStage(app, replace(DEV, stream_retention_hours=48))
app.synth()
