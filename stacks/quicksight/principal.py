"""The QuickSight user or group that owns the dashboard, read from the context of cdk.json."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

from stacks.config import Config

# https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonquicksight.html#amazonquicksight-resources-for-iam-policies
# A user's name can contain slashes: a user of an IAM role is called `role/session`.
ARN = re.compile(
    r"arn:[\w-]+:quicksight:(?P<region>[a-z\d-]+):(?P<account>\d{12}):(?P<kind>user|group)/(?P<namespace>[\w.-]+)/(?P<name>\S+)"
)


@dataclass(frozen=True)
class Principal:
    """The parts of the ARN of a QuickSight user or group. `region` is the one that stores the account's users."""

    region: str
    account: str
    kind: str
    namespace: str
    name: str

    @classmethod
    def parse(cls, arn: str) -> Self:
        """Returns the parts of the ARN.

        Raises:
            ValueError: this is not the ARN of a QuickSight user or group.
        """
        match = ARN.fullmatch(arn)
        if match is None:
            raise ValueError(
                f"{arn!r} is not the ARN of a QuickSight user or group: expected"
                " arn:aws:quicksight:<region>:<account>:user/<namespace>/<name>, or group/ in place of user/;"
                " see docs/quicksight.md"
            )
        return cls(**match.groupdict())


def context_key(config: Config) -> str:
    """Returns the key of cdk.json's context that turns QuickSight on in the environment."""
    return f"quicksight_principal_{config.environment}"


def with_principal(config: Config, context: Callable[[str], str | None]) -> Config:
    """Returns the configuration with the principal that the context names for its environment, if any.

    Raises:
        ValueError: the value is not the ARN of a QuickSight user or group; the message names the key.
    """
    arn = context(context_key(config))
    if not arn:
        return config
    try:
        Principal.parse(arn)
    except ValueError as error:
        raise ValueError(f"{context_key(config)} in cdk.json: {error}") from None
    return replace(config, quicksight_principal=arn)
