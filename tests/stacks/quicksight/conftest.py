"""Fixtures of the tests of QuickSight: an environment with the option on, and its requests to QuickSight's API."""

from dataclasses import replace
from typing import Any

import pytest

from stacks.config import DEV
from tests.stacks.conftest import Environment, synthesise
from tests.stacks.policies import ACCOUNT, Account, arn

PRINCIPAL = "arn:aws:quicksight:us-east-1:111111111111:group/default/analysts"
WITH_QUICKSIGHT = replace(DEV, quicksight_principal=PRINCIPAL)
STACK = "QuickSight"
# CloudFormation type → the operation that CloudFormation calls to create it, and the type's name in QuickSight's ARNs.
OPERATIONS = {
    "AWS::QuickSight::VPCConnection": ("CreateVPCConnection", "vpcConnection"),
    "AWS::QuickSight::DataSource": ("CreateDataSource", "datasource"),
    "AWS::QuickSight::DataSet": ("CreateDataSet", "dataset"),
    "AWS::QuickSight::Analysis": ("CreateAnalysis", "analysis"),
    "AWS::QuickSight::Dashboard": ("CreateDashboard", "dashboard"),
}


class QuickSightAccount(Account):
    """An environment's templates, with the ARNs of QuickSight's resources."""

    def _arn(self, stack: str, logical_id: str) -> str:
        kind = self._templates[stack]["Resources"][logical_id]["Type"]
        if kind in OPERATIONS:
            return arn("quicksight", f"{OPERATIONS[kind][1]}/{logical_id}")
        if kind == "AWS::IAM::Role":
            return f"arn:aws:iam::{ACCOUNT}:role/{logical_id}"
        return super()._arn(stack, logical_id)


@pytest.fixture(scope="session")
def with_quicksight() -> Environment:
    return synthesise(WITH_QUICKSIGHT)


@pytest.fixture(scope="session")
def account(with_quicksight: Environment) -> QuickSightAccount:
    account = QuickSightAccount(with_quicksight)
    for number, subnet in enumerate(account.logical_ids("Network", "AWS::EC2::Subnet")):
        account.ids[subnet] = f"subnet-{number}"
    for stack in (STACK, "Database"):
        for number, group in enumerate(account.logical_ids(stack, "AWS::EC2::SecurityGroup")):
            account.ids[f"{group}.GroupId"] = f"sg-{stack.lower()}{number}"
    return account


@pytest.fixture(scope="session")
def requests(account: QuickSightAccount, with_quicksight: Environment) -> list[tuple[str, dict[str, Any]]]:
    """Each call that creates a resource: the operation, and its parameters as CloudFormation resolves them.

    CloudFormation gives its properties the names of the API's parameters.
    """
    return [
        (operation, account.resolve(STACK, resource["Properties"]))
        for kind, (operation, _) in OPERATIONS.items()
        for resource in with_quicksight.resources(STACK, kind).values()
    ]
