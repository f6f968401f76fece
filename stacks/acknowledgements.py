"""Findings of cdk-nag that stay, each beside its resource with the reason."""

from collections.abc import Mapping

from aws_cdk import Acknowledgment, Validations
from constructs import IConstruct

PACK = "AwsSolutions"


def acknowledge(construct: IConstruct, reasons: Mapping[str, str]) -> None:
    """Accept findings about `construct` and what it contains: `{"RDS3": "why"}` for the rule AwsSolutions-RDS3.

    cdk-nag prints ids in the form that is made here.
    """
    Validations.of(construct).acknowledge(
        *(Acknowledgment(id=f"{PACK}::{PACK}-{rule}", reason=reason) for rule, reason in reasons.items())
    )
