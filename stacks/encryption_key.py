"""The KMS key that encrypts one kind of data."""

from aws_cdk import Duration
from aws_cdk import aws_kms as kms
from constructs import Construct

from stacks.config import Config


class EncryptionKey(kms.Key):
    """A customer-managed key with automatic rotation.

    When the data does not outlive its stack, KMS deletes the key seven days after the stack.
    """

    def __init__(self, scope: Construct, construct_id: str, *, config: Config, description: str) -> None:
        super().__init__(
            scope,
            construct_id,
            description=description,
            enable_key_rotation=True,
            pending_window=Duration.days(7),
            removal_policy=config.removal_policy,
        )
