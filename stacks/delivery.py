"""The source of the delivery pipeline, which the context in cdk.json configures."""

import re
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """The pipeline's source: a GitHub repository (`owner/name`), and the ARN of a connection to it.

    A person authorises the connection in the AWS console.
    """

    repository: str
    connection_arn: str

    @property
    def connection_service(self) -> str:
        """The IAM prefix of the connection's actions: codeconnections, or codestar-connections, its former name."""
        return self.connection_arn.split(":")[2]


# Context key of cdk.json → the pattern of its values.
DELIVERY = {
    "repository": r"[\w.-]+/[\w.-]+",
    "connection_arn": r"arn:[\w-]+:(codeconnections|codestar-connections):[\w-]+:\d{12}:connection/[\w-]+",
}


def delivery(context: Callable[[str], str | None], *, required: bool) -> Delivery | None:
    """Returns the delivery that the context configures, or None when nothing is configured and `required` is false.

    Raises:
        ValueError: a value is missing or malformed; the message names it.
    """
    values = {name: context(name) or "" for name in DELIVERY}
    if not required and not any(values.values()):
        return None
    problems = [
        f"{name} is {repr(values[name]) if values[name] else 'missing'}"
        for name, pattern in DELIVERY.items()
        if not re.fullmatch(pattern, values[name])
    ]
    if problems:
        raise ValueError(f"the pipeline needs context in cdk.json: {', '.join(problems)}; see docs/deploying.md")
    return Delivery(**values)
