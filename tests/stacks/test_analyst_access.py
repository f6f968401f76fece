"""The analysts' ways to the database: the security group, the host of a test configuration, and their policy."""

import json
import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Validations
from cdk_nag import AwsSolutionsChecks
from syrupy.assertion import SnapshotAssertion

from stacks.config import ENVIRONMENTS, Config
from stacks.cost import hourly
from stacks.stage import StreamingStage
from stacks.tunnel import DOCUMENT
from tests.stacks.conftest import (
    CONTEXT,
    ROOT,
    Environment,
    accepted_findings,
    actions,
    cfn_lint,
    resources,
    synthesise,
)
from tests.stacks.policies import REGION, Grant, arn
from tests.stacks.policies import Call as PolicyCall
from tests.stacks.source_operations import operations
from tests.stacks.test_network import endpoints

GUIDE = (ROOT / "docs" / "analyst-access.md").read_text()


def with_host(name: str) -> Config:
    return replace(ENVIRONMENTS[name], analyst_host=True)


@cache
def synthesised(name: str) -> Environment:
    """Returns an environment with the host."""
    return synthesise(with_host(name))


@pytest.fixture(params=list(ENVIRONMENTS), scope="module")
def hosting(request: pytest.FixtureRequest) -> Environment:
    """Runs a test for each environment, with the host."""
    return synthesised(request.param)


def analysts_group(environment: Environment) -> tuple[str, dict[str, Any]]:
    """Returns the logical id and the properties of the analysts' security group."""
    ((logical_id, group),) = (
        (logical_id, group["Properties"])
        for logical_id, group in environment.resources("Database", "AWS::EC2::SecurityGroup").items()
        if group["Properties"].get("GroupName")
    )
    return logical_id, group


def test_people_find_the_security_group_by_its_name(environment: Environment) -> None:
    _, group = analysts_group(environment)
    assert group["GroupName"] == f"ecommerce-streaming-{environment.config.environment}-analyst"


@pytest.mark.parametrize("rule", ["AWS::EC2::SecurityGroupIngress", "AWS::EC2::SecurityGroupEgress"])
def test_the_analysts_group_leads_to_the_database_and_admits_nothing(rule: str, hosting: Environment) -> None:
    logical_id, group = analysts_group(hosting)
    assert "SecurityGroupIngress" not in group
    assert [(egress["CidrIp"], egress["FromPort"], egress["ToPort"]) for egress in group["SecurityGroupEgress"]] == [
        ("0.0.0.0/0", 443, 443)
    ]
    naming = [
        (stack, resource["Properties"])
        for stack, _, resource in hosting.all_resources()
        if resource["Type"] == rule and logical_id in str(resource)
    ]
    ((stack, properties),) = naming
    assert stack == "Database"
    (instance,) = hosting.resources("Database", "AWS::RDS::DBInstance")
    for end in ("FromPort", "ToPort"):
        assert properties[end] == {"Fn::GetAtt": [instance, "Endpoint.Port"]}
    source = properties["GroupId"] if rule.endswith("Egress") else properties["SourceSecurityGroupId"]
    assert source == {"Fn::GetAtt": [logical_id, "GroupId"]}


def test_the_analysts_login_has_the_name_in_the_guide(environment: Environment) -> None:
    names = [
        secret["Properties"].get("Name")
        for secret in environment.resources("Database", "AWS::SecretsManager::Secret").values()
    ]
    assert sorted(filter(None, names)) == [f"ecommerce-streaming-{environment.config.environment}-analyst-login"]
    assert "ecommerce-streaming-$ENV-analyst-login" in GUIDE


def test_nothing_of_the_host_exists_unless_it_is_configured(environment: Environment) -> None:
    assert not environment.config.analyst_host
    kinds = {resource["Type"] for _, _, resource in environment.all_resources()}
    assert not kinds & {"AWS::EC2::Instance", "AWS::IAM::InstanceProfile"}
    assert not {"ssm", "ssmmessages"} & endpoints(environment, "Interface")
    assert "AnalystHostId" not in environment.templates["Database"].to_json().get("Outputs", {})


def test_the_host_adds_only_the_resources_of_the_snapshot(prod: Environment, snapshot: SnapshotAssertion) -> None:
    before = {(stack, logical_id): resource for stack, logical_id, resource in prod.all_resources()}
    after = {(stack, logical_id): resource for stack, logical_id, resource in synthesised("prod").all_resources()}
    assert [name for name in before if after[name] != before[name]] == []
    assert {"/".join(name): after[name] for name in after if name not in before} == snapshot


def test_the_host_is_small_private_and_unreachable(hosting: Environment) -> None:
    host = hosting.properties("Database", "AWS::EC2::Instance")
    assert host["InstanceType"] == "t4g.nano"
    assert "VpcprivateSubnet" in host["SubnetId"]["Fn::ImportValue"]
    assert host["SecurityGroupIds"] == [{"Fn::GetAtt": [analysts_group(hosting)[0], "GroupId"]}]
    assert not {"KeyName", "NetworkInterfaces"} & host.keys()
    assert host["MetadataOptions"] == {"HttpTokens": "required"}
    assert [volume["Ebs"]["Encrypted"] for volume in host["BlockDeviceMappings"]] == [True]
    assert {"Key": "Name", "Value": hosting.config.name("analyst-host")} in host["Tags"]


def test_the_host_runs_the_newest_amazon_linux_for_its_processor(hosting: Environment) -> None:
    template = hosting.templates["Database"].to_json()
    image = template["Parameters"][hosting.properties("Database", "AWS::EC2::Instance")["ImageId"]["Ref"]]
    assert image["Type"] == "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>"
    assert re.fullmatch(r"/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-[\d.]+-arm64", image["Default"])


def test_the_host_may_only_keep_the_channels_of_sessions_open(hosting: Environment) -> None:
    (statement,) = hosting.statements("Database", "AnalystsHostRole")
    assert actions(statement) == {
        "ssm:UpdateInstanceInformation",
        "ssmmessages:CreateControlChannel",
        "ssmmessages:CreateDataChannel",
        "ssmmessages:OpenControlChannel",
        "ssmmessages:OpenDataChannel",
    }
    for stack, logical_id, resource in hosting.all_resources():
        if resource["Type"] == "AWS::IAM::Role":
            assert "ManagedPolicyArns" not in resource["Properties"], f"{stack}/{logical_id}"


def test_session_manager_is_reached_by_endpoints_where_there_is_no_nat(hosting: Environment) -> None:
    expected = set() if hosting.config.nat_gateways else {"ssm", "ssmmessages"}
    assert {"ssm", "ssmmessages", "ec2messages"} & endpoints(hosting, "Interface") == expected


@pytest.mark.parametrize("name", list(ENVIRONMENTS))
def test_nag_accepts_the_host(name: str, tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    app = App(context=CONTEXT, outdir=str(tmp_path))
    stage = StreamingStage(app, with_host(name))
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    app.synth()  # raises an error for each finding that is not accepted
    accepted = accepted_findings(stage)
    assert {path: rules for path, rules in accepted.items() if "/Analysts/" in path} == snapshot


def test_the_templates_with_a_host_pass_cfn_lint(hosting: Environment, tmp_path: Path) -> None:
    assert cfn_lint(hosting.templates, tmp_path) == ""


@pytest.mark.parametrize(("name", "dollars"), [("dev", 4), ("prod", 33)])
def test_the_price_of_the_host_is_that_in_the_guide(name: str, dollars: int) -> None:
    without, cost = (sum(price for _, price in hourly(config)) for config in (ENVIRONMENTS[name], with_host(name)))
    assert (cost - without) * 730 == pytest.approx(dollars, abs=0.5)
    assert f"${dollars}" in GUIDE
    assert "Analysts' host, t4g.nano with 8 GB" in dict(hourly(with_host(name)))


POLICY = json.loads(GUIDE.partition("```json\n")[2].partition("```")[0])
SECRET = arn("secretsmanager", "secret:ecommerce-streaming-dev-{}-AbCdEf")
CALLS = [
    PolicyCall("cloudformation:DescribeStacks", arn("cloudformation", "stack/ecommerce-streaming-dev-Database/1")),
    PolicyCall("secretsmanager:GetSecretValue", SECRET.format("analyst-login")),
    PolicyCall("ssm:StartSession", f"arn:aws:ssm:{REGION}::document/{DOCUMENT}"),
]


def policy_grants(*, conditional: bool) -> list[Grant]:
    return [
        Grant(action, resource)
        for statement in POLICY["Statement"]
        if ("Condition" in statement) is conditional
        for action in actions(statement)
        for resource in resources(statement)
    ]


def test_the_analysts_policy_allows_the_tunnels_calls_and_no_other_secret() -> None:
    grants = policy_grants(conditional=False)
    for call in CALLS:
        assert any(grant.allows(call) for grant in grants), call
    for secret in ("writer-login", "owner"):
        assert not any(grant.allows(PolicyCall(CALLS[1].action, SECRET.format(secret))) for grant in grants)
    shell = PolicyCall("ssm:StartSession", arn("ssm", "document/SSM-SessionManagerRunShell"))
    assert not any(grant.allows(shell) for grant in grants)


def test_the_analysts_policy_starts_sessions_only_on_hosts_of_its_environment() -> None:
    (statement,) = (statement for statement in POLICY["Statement"] if "Condition" in statement)
    assert policy_grants(conditional=True) == [Grant("ssm:StartSession", "arn:aws:ec2:*:*:instance/*")]
    tags = synthesised("dev").properties("Database", "AWS::EC2::Instance")["Tags"]
    conditions = statement["Condition"]
    for key, value in conditions["StringEquals"].items():
        assert {"Key": key.removeprefix("ssm:resourceTag/"), "Value": value} in tags
    assert conditions["BoolIfExists"] == {"ssm:SessionDocumentAccessCheck": "true"}


def test_the_analysts_policy_has_no_permission_that_the_tunnel_does_not_use() -> None:
    # The AWS CLI and its plugin start, resume and end sessions.
    sessions = {f"ssm:{operation}Session" for operation in ("Start", "Resume", "Terminate")}
    granted = {action for statement in POLICY["Statement"] for action in actions(statement)}
    assert granted == operations([ROOT / "stacks" / "tunnel.py"]) | sessions
