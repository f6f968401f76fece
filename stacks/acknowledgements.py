"""Accepted cdk-nag findings, recorded on their resources with a reason."""

from collections.abc import Mapping

from aws_cdk import Acknowledgment, Validations
from constructs import IConstruct

PACK = "AwsSolutions"


def acknowledge(construct: IConstruct, reasons: Mapping[str, str]) -> None:
    """Accepts findings about `construct` and its children.

    `{"RDS3": "reason"}` accepts the rule AwsSolutions-RDS3. The ids have the form that cdk-nag prints.
    """
    Validations.of(construct).acknowledge(
        *(Acknowledgment(id=f"{PACK}::{PACK}-{rule}", reason=reason) for rule, reason in reasons.items())
    )
