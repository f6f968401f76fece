"""The stack: opt-in, private, over TLS, and with no more permissions than QuickSight needs."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Validations
from cdk_nag import AwsSolutionsChecks
from syrupy.assertion import SnapshotAssertion

from stacks.config import DEV, ENVIRONMENTS
from stacks.review import without_hashes
from stacks.stage import StreamingStage
from tests.stacks.conftest import CONTEXT, Environment, accepted_findings, cfn_lint, synthesise
from tests.stacks.policies import ACCOUNT, Call, arn
from tests.stacks.quicksight.conftest import PRINCIPAL, STACK, WITH_QUICKSIGHT, QuickSightAccount
from tests.stacks.test_secrets import leaves

Requests = list[tuple[str, dict[str, Any]]]
# CloudFormation removes a resource before those on which it depends.
POLICY, VPC_CONNECTION = "AWS::IAM::Policy", "AWS::QuickSight::VPCConnection"


@pytest.mark.parametrize("name", list(ENVIRONMENTS))
def test_without_a_principal_there_is_no_quicksight(name: str, environment: Environment) -> None:
    assert ENVIRONMENTS[name].quicksight_principal is None
    assert STACK not in environment.templates
    assert not [kind for _, _, resource in environment.all_resources() if "QuickSight" in (kind := resource["Type"])]


def test_the_other_stacks_stay_as_they_are(dev: Environment, with_quicksight: Environment) -> None:
    """They only export what QuickSight refers to."""
    for stack, template in dev.templates.items():
        assert with_quicksight.templates[stack].to_json()["Resources"] == template.to_json()["Resources"]


def test_the_template_changes_only_when_the_snapshot_does(
    with_quicksight: Environment, snapshot: SnapshotAssertion
) -> None:
    assert without_hashes(with_quicksight.templates[STACK].to_json()) == snapshot


def test_nag_reports_no_finding_that_is_not_accepted(tmp_path: Path) -> None:
    app = App(context=CONTEXT, outdir=str(tmp_path))
    stage = StreamingStage(app, WITH_QUICKSIGHT)
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    app.synth()  # raises an error for each finding that is not accepted
    report = json.loads((tmp_path / "validation-report.json").read_text())
    assert [plugin for plugin in report["pluginReports"] if plugin.get("violations")] == []
    (rules,) = accepted_findings(stage.node.find_child(STACK)).values()
    any_interface = "arn:<AWS::Partition>:ec2:<AWS::Region>:<AWS::AccountId>:network-interface/*"
    assert set(rules) == {f"AwsSolutions::AwsSolutions-IAM5[Resource::{resource}]" for resource in ("*", any_interface)}


def test_the_template_passes_cfn_lint(with_quicksight: Environment, tmp_path: Path) -> None:
    assert cfn_lint({STACK: with_quicksight.templates[STACK]}, tmp_path) == ""


def test_a_malformed_principal_is_refused() -> None:
    with pytest.raises(ValueError, match="'analysts' is not the ARN of a QuickSight user or group"):
        synthesise(replace(DEV, quicksight_principal="analysts"))


def test_the_database_is_queried_over_tls_in_the_vpc_with_the_analysts_secret(
    requests: Requests, account: QuickSightAccount, with_quicksight: Environment
) -> None:
    (source,) = (parameters for operation, parameters in requests if operation == "CreateDataSource")
    assert source["SslProperties"] == {"DisableSsl": False}
    assert list(source["Credentials"]) == ["SecretArn"]
    secrets = with_quicksight.resources("Database", "AWS::SecretsManager::Secret")
    name = source["Credentials"]["SecretArn"].rpartition(":")[2]
    assert secrets[name]["Properties"]["Name"] == DEV.name("analyst-login")
    assert source["VpcConnectionProperties"]["VpcConnectionArn"].startswith(arn("quicksight", "vpcConnection/"))


def test_the_secret_has_the_fields_that_quicksight_reads(account: QuickSightAccount, dev: Environment) -> None:
    """`username` and `password`: /quicksight/latest/user/secrets-manager-integration-whats-in-secret.html"""
    (secret,) = (
        secret["Properties"]["GenerateSecretString"]
        for secret in dev.resources("Database", "AWS::SecretsManager::Secret").values()
        if secret["Properties"].get("Name") == DEV.name("analyst-login")
    )
    template = json.loads(account.resolve("Database", secret["SecretStringTemplate"]))
    assert template["username"] == "pipeline_analyst"
    assert secret["GenerateStringKey"] == "password"


def test_no_dataset_is_copied(requests: Requests) -> None:
    modes = {parameters["ImportMode"] for operation, parameters in requests if operation == "CreateDataSet"}
    assert modes == {"DIRECT_QUERY"}


def test_the_connection_reaches_only_the_database(
    account: QuickSightAccount, with_quicksight: Environment, requests: Requests
) -> None:
    (connection,) = (parameters for operation, parameters in requests if operation == "CreateVPCConnection")
    subnets = with_quicksight.resources("Network", "AWS::EC2::Subnet")
    assert set(connection["SubnetIds"]) == {account.ids[name] for name in subnets if "privateSubnet" in name}
    (group,) = with_quicksight.resources(STACK, "AWS::EC2::SecurityGroup").values()
    assert not {"SecurityGroupIngress", "SecurityGroupEgress"} & set(group["Properties"])
    (egress,) = with_quicksight.resources(STACK, "AWS::EC2::SecurityGroupEgress").values()
    (ingress,) = with_quicksight.resources(STACK, "AWS::EC2::SecurityGroupIngress").values()
    (of_database,) = with_quicksight.properties("Database", "AWS::RDS::DBInstance")["VPCSecurityGroups"]
    database = account.resolve("Database", of_database)
    assert account.resolve(STACK, egress["Properties"]["DestinationSecurityGroupId"]) == database
    assert account.resolve(STACK, ingress["Properties"]["GroupId"]) == database
    assert [account.resolve(STACK, ingress["Properties"]["SourceSecurityGroupId"])] == connection["SecurityGroupIds"]


def test_the_connection_keeps_its_permissions_until_its_interfaces_are_gone(with_quicksight: Environment) -> None:
    (connection,) = with_quicksight.resources(STACK, VPC_CONNECTION).values()
    (policy,) = (name for name in with_quicksight.resources(STACK, POLICY) if name.startswith("ConnectionRole"))
    assert policy in connection["DependsOn"]


def test_the_data_source_waits_for_its_connection_and_its_permission(with_quicksight: Environment) -> None:
    (source,) = with_quicksight.resources(STACK, "AWS::QuickSight::DataSource").values()
    (connection,) = with_quicksight.resources(STACK, VPC_CONNECTION)
    (access,) = (name for name in with_quicksight.resources(STACK, POLICY) if name.startswith("SecretAccess"))
    assert {connection, access} <= set(source["DependsOn"])


def test_quicksight_may_read_only_the_analysts_secret(account: QuickSightAccount) -> None:
    (grant,) = account.grants(STACK, "aws-quicksight-secretsmanager-role-v0")
    assert grant.action == "secretsmanager:GetSecretValue"
    assert grant.resource.startswith(arn("secretsmanager", "secret:AnalystLogin"))


def test_the_role_of_the_interfaces_may_do_what_aws_lists_and_only_in_the_vpc(
    account: QuickSightAccount, with_quicksight: Environment, requests: Requests
) -> None:
    """/quicksight/latest/user/vpc-creating-a-connection-in-quicksight-cli.html"""
    (connection,) = (parameters for operation, parameters in requests if operation == "CreateVPCConnection")
    grants = account.grants(STACK, "ConnectionRole")
    (vpc_id,) = with_quicksight.resources("Network", "AWS::EC2::VPC")
    here, elsewhere = ({"ec2:Vpc": arn("ec2", f"vpc/{name}")} for name in (vpc_id.lower(), "other"))
    interface, group = (
        arn("ec2", "network-interface/eni-1"),
        arn("ec2", f"security-group/{connection['SecurityGroupIds'][0]}"),
    )
    calls = [
        Call("ec2:DescribeSubnets", "*"),
        Call("ec2:DescribeSecurityGroups", "*"),
        *(Call("ec2:CreateNetworkInterface", resource) for resource in (interface, group)),
        *(Call("ec2:CreateNetworkInterface", arn("ec2", f"subnet/{subnet}")) for subnet in connection["SubnetIds"]),
        *(Call("ec2:ModifyNetworkInterfaceAttribute", resource, here) for resource in (interface, group)),
        Call("ec2:DeleteNetworkInterface", interface, here),
    ]
    assert [call for call in calls if not any(grant.allows(call) for grant in grants)] == []
    assert [grant for grant in grants if not any(grant.allows(call) for call in calls)] == []
    refused = [
        Call("ec2:DeleteNetworkInterface", interface, elsewhere),
        Call("ec2:CreateNetworkInterface", arn("ec2", "subnet/other")),
    ]
    assert not any(grant.allows(call) for grant in grants for call in refused)


def test_the_principal_owns_the_dashboard_and_cannot_redirect_the_data_source(requests: Requests) -> None:
    for operation, parameters in requests:
        if operation == "CreateVPCConnection":
            continue
        ((permission),) = parameters["Permissions"]
        assert permission["Principal"] == PRINCIPAL
        changes = [action for action in permission["Actions"] if action.startswith(("quicksight:Update",))]
        assert bool(changes) is (operation in {"CreateAnalysis", "CreateDashboard"})


def test_only_the_principal_has_an_account_number(with_quicksight: Environment) -> None:
    text = json.dumps(with_quicksight.templates[STACK].to_json()).replace(PRINCIPAL, "")
    assert "111111111111" not in text
    assert ACCOUNT not in text


def test_no_property_contains_a_password(with_quicksight: Environment) -> None:
    for resource in with_quicksight.templates[STACK].to_json()["Resources"].values():
        for path, value in leaves(resource.get("Properties", {})):
            assert not path or "password" not in path[-1].lower()
            assert "{{resolve:" not in str(value)
