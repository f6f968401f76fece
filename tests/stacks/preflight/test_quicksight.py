"""The checks of an account for QuickSight, with scripted answers: the emulator has no QuickSight."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from stacks.config import DEV
from stacks.preflight import quicksight
from stacks.preflight.account import Account
from stacks.preflight.findings import Preflight
from stacks.preflight.names import Existing, existing
from stacks.preflight.plan import Plan
from stacks.quicksight.principal import Principal
from tests.stacks.preflight.conftest import ScriptedAws

NUMBER = "111111111111"
GROUP = Principal("us-east-1", NUMBER, "group", "default", "analysts")
USER = replace(GROUP, kind="user", name="Admin/ada")
NAME = DEV.name("attribution")
# Resource type → the operation that describes it, the parameter with the id, and an answer.
DESCRIPTIONS: Mapping[str, tuple[str, str, dict[str, Any]]] = {
    "AWS::QuickSight::VPCConnection": ("describe_vpc_connection", "VPCConnectionId", {"VPCConnection": {}}),
    "AWS::QuickSight::DataSource": ("describe_data_source", "DataSourceId", {"DataSource": {}}),
    "AWS::QuickSight::DataSet": ("describe_data_set", "DataSetId", {"DataSet": {}}),
    "AWS::QuickSight::Analysis": ("describe_analysis", "AnalysisId", {"Analysis": {"Status": "CREATION_SUCCESSFUL"}}),
    "AWS::QuickSight::Dashboard": ("describe_dashboard", "DashboardId", {"Dashboard": {}}),
}


@pytest.fixture
def account(aws: ScriptedAws) -> ScriptedAws:
    identity = {"Account": NUMBER, "Arn": f"arn:aws:iam::{NUMBER}:user/ada", "UserId": "ada"}
    aws.answer("sts", "get_caller_identity", identity)
    return aws


def subscribe(aws: ScriptedAws, status: str, edition: str) -> None:
    info = {"AccountName": "shop", "Edition": edition, "AccountSubscriptionStatus": status}
    aws.answer("quicksight", "describe_account_subscription", {"AccountInfo": info}, {"AwsAccountId": NUMBER})


def test_an_enterprise_subscription_is_accepted(account: ScriptedAws) -> None:
    subscribe(account, "ACCOUNT_CREATED", "ENTERPRISE_AND_Q")
    finding = quicksight.subscription(account.account, GROUP)
    assert (finding.outcome, finding.detail) == ("ok", "shop, edition ENTERPRISE_AND_Q")


def test_the_standard_edition_cannot_reach_into_a_vpc(account: ScriptedAws) -> None:
    subscribe(account, "ACCOUNT_CREATED", "STANDARD")
    finding = quicksight.subscription(account.account, GROUP)
    assert finding.outcome == "failed"
    assert "upgrade" in finding.remedy


def test_an_account_without_a_subscription_fails(account: ScriptedAws) -> None:
    account.refuse("quicksight", "describe_account_subscription", "ResourceNotFoundException")
    subscribe(account, "UNSUBSCRIBED", "ENTERPRISE")
    for _ in range(2):
        finding = quicksight.subscription(account.account, GROUP)
        assert (finding.outcome, finding.detail) == ("failed", "the account has not subscribed to QuickSight")


def test_a_user_and_a_group_are_found_by_their_names(account: ScriptedAws) -> None:
    names = {"AwsAccountId": NUMBER, "Namespace": "default"}
    account.answer("quicksight", "describe_group", {"Group": {}}, {"GroupName": "analysts", **names})
    account.answer("quicksight", "describe_user", {"User": {}}, {"UserName": "Admin/ada", **names})
    for principal in (GROUP, USER):
        finding = quicksight.principal_exists(account.account, principal)
        assert finding.detail == f"{principal.kind} {principal.name} of namespace default exists"


def test_a_principal_that_does_not_exist_fails(account: ScriptedAws) -> None:
    account.refuse("quicksight", "describe_user", "ResourceNotFoundException")
    finding = quicksight.principal_exists(account.account, USER)
    assert (finding.outcome, finding.detail) == ("failed", "there is no user Admin/ada of namespace default")
    assert "cdk.json" in finding.remedy


def test_a_principal_of_another_account_fails_without_a_question(account: ScriptedAws) -> None:
    finding = quicksight.principal_exists(account.account, replace(GROUP, account="222222222222"))
    assert (finding.outcome, finding.detail) == ("failed", f"belongs to account 222222222222, not to {NUMBER}")


def test_users_are_looked_up_in_the_region_of_the_arn(account: ScriptedAws) -> None:
    regions: list[str] = []

    def client(service: str, region: str = "eu-west-1") -> Any:
        if service == "quicksight":
            regions.append(region)
        return account.account.client(service)

    account.answer("quicksight", "describe_group", {"Group": {}})
    quicksight.principal_exists(Account(client, "eu-west-1"), GROUP)
    assert regions == ["us-east-1"]


def test_a_missing_role_for_secrets_fails_with_the_way_to_create_it(aws: ScriptedAws) -> None:
    aws.refuse("iam", "get_role", "NoSuchEntity")
    finding = quicksight.secrets_role(aws.account)
    assert finding.outcome == "failed"
    assert "select any secret" in finding.remedy


def test_an_existing_role_for_secrets_is_accepted(aws: ScriptedAws) -> None:
    name = "aws-quicksight-secretsmanager-role-v0"
    role = {"Path": "/service-role/", "RoleName": name, "RoleId": "x" * 16, "Arn": f"arn:aws:iam::{NUMBER}:role/{name}"}
    aws.answer("iam", "get_role", {"Role": role | {"CreateDate": "2026-11-01T00:00:00Z"}}, {"RoleName": name})
    assert quicksight.secrets_role(aws.account).outcome == "ok"


def test_quicksight_is_checked_only_where_it_is_configured(aws: ScriptedAws, dev_plan: Plan) -> None:
    """Every call that no test announced is refused by the stub."""
    arn = f"arn:aws:quicksight:us-east-1:{NUMBER}:group/default/analysts"
    configured = replace(dev_plan, environments=(replace(DEV, quicksight_principal=arn),))
    subjects = []
    for plan in (dev_plan, configured):
        for _ in plan.stacks:
            aws.refuse("cloudformation", "describe_stacks", "ValidationError", "Stack with id x does not exist")
        subjects.append([name for name, _ in Preflight(plan, aws.account).findings() if "QuickSight" in name])
    assert subjects == [[], ["QuickSight of dev", "QuickSight principal of dev", "QuickSight's secrets of dev"]]


@pytest.mark.parametrize("resource_type", list(DESCRIPTIONS))
def test_a_left_over_is_found_by_its_id(account: ScriptedAws, resource_type: str) -> None:
    operation, parameter, answer = DESCRIPTIONS[resource_type]
    account.refuse("quicksight", operation, "ResourceNotFoundException")
    account.answer("quicksight", operation, answer, {"AwsAccountId": NUMBER, parameter: NAME})
    assert existing(account.account, resource_type, [NAME]) == []
    assert existing(account.account, resource_type, [NAME]) == [Existing(NAME, f"{NUMBER}|{NAME}")]


def test_a_deleted_analysis_keeps_its_id_and_a_deleted_connection_does_not(account: ScriptedAws) -> None:
    account.answer("quicksight", "describe_analysis", {"Analysis": {"Status": "DELETED"}})
    account.answer("quicksight", "describe_vpc_connection", {"VPCConnection": {"Status": "DELETED"}})
    (analysis,) = existing(account.account, "AWS::QuickSight::Analysis", [NAME])
    assert analysis.waits_for_deletion
    assert existing(account.account, "AWS::QuickSight::VPCConnection", [NAME]) == []
