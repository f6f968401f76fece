"""The keys that data is encrypted with."""

from aws_cdk import Duration
from aws_cdk import aws_kms as kms
from constructs import Construct

from stacks.config import Config


class EncryptionKey(kms.Key):
    """A key of our own: it rotates, and goes with its data, a week later."""

    def __init__(self, scope: Construct, construct_id: str, *, config: Config, description: str) -> None:
        super().__init__(
            scope,
            construct_id,
            description=description,
            enable_key_rotation=True,
            pending_window=Duration.days(7),
            removal_policy=config.removal_policy,
        )
