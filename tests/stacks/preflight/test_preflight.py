"""The command: its lines, its exit status, and that it only reads."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.model import OperationModel

from stacks.config import DEV
from stacks.preflight import __main__ as command
from stacks.preflight.account import Account
from stacks.preflight.checks import Finding
from stacks.preflight.findings import Preflight, reason
from stacks.preflight.plan import Plan
from tests.stacks.conftest import ROOT, in_shell
from tests.stacks.preflight.conftest import ScriptedAws
from tests.stacks.source_operations import operations, source_files

STACK = f"ecommerce-streaming-{DEV.environment}-Streams"
READS = re.compile(r"[\w-]+:(Describe|Get|List)[A-Z]")
SUBJECTS = [
    "alarm address of dev", "CDK bootstrap", "stacks", "VPCs", "Elastic IP addresses", "on-demand streams", "zones",
    "VPC endpoints", "db.t3.micro with postgres 18", "Lambda python3.14 on arm64", "Glue 6.0", "names of log groups",
    "names of streams", "names of database instances", "names of functions", "names of Glue jobs",
    "names of Glue connections", "names of topics", "names of alarms", "names of dashboards",
]  # fmt: skip


@pytest.fixture
def bootstrapped(account: Account, dev_plan: Plan) -> Iterator[None]:
    """The emulator's account, as `cdk bootstrap` leaves it for the preflight."""
    ssm = account.client("ssm")
    ssm.put_parameter(Name=dev_plan.bootstrap_parameter, Value="30", Type="String")
    yield
    ssm.delete_parameter(Name=dev_plan.bootstrap_parameter)


@pytest.fixture
def left_over(account: Account) -> Iterator[str]:
    """A log group with a name of the dev environment, as a service creates it again after its stack was removed."""
    logs = account.client("logs")
    name = f"/aws/lambda/{DEV.name('data-generator')}"
    logs.create_log_group(logGroupName=name)
    yield name
    logs.delete_log_group(logGroupName=name)


@pytest.fixture
def deployed(account: Account) -> Iterator[None]:
    """A stack of the dev environment with one of its streams."""
    cloudformation = account.client("cloudformation")
    properties = {"Name": DEV.name("clicks"), "StreamModeDetails": {"StreamMode": "ON_DEMAND"}}
    template = {"Resources": {"Clicks": {"Type": "AWS::Kinesis::Stream", "Properties": properties}}}
    cloudformation.create_stack(StackName=STACK, TemplateBody=json.dumps(template))
    cloudformation.get_waiter("stack_create_complete").wait(StackName=STACK, WaiterConfig={"Delay": 1})
    yield
    cloudformation.delete_stack(StackName=STACK)
    cloudformation.get_waiter("stack_delete_complete").wait(StackName=STACK, WaiterConfig={"Delay": 1})


Run = Callable[..., tuple[int, list[str]]]


@pytest.fixture
def run(account: Account, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command in the emulator's account, with a synthesized plan; returns exit status and lines of output."""

    def run_command(plan: Plan) -> tuple[int, list[str]]:
        monkeypatch.setattr("sys.argv", ["preflight", plan.environments[0].environment])
        monkeypatch.setattr(command, "connect", lambda: account)
        monkeypatch.setattr(command, "plan", lambda *_: plan)
        status = command.main()
        return status, capsys.readouterr().out.splitlines()

    return run_command


def test_a_ready_account_has_one_line_for_each_check(bootstrapped: None, run: Run, dev_plan: Plan) -> None:
    status, lines = run(dev_plan)
    assert status == 0
    assert lines[0] == "ok           credentials and region: arn:aws:iam::000000000000:root in us-east-1"
    subjects = [line[13:].partition(": ")[0] for line in lines[1:-1]]
    assert subjects[: len(SUBJECTS)] == SUBJECTS
    assert "ok           CDK bootstrap: version 30; the templates need version 6" in lines
    assert "ok           stacks: none exists: this is a first deployment" in lines
    assert "ok           names of streams: 2 free" in lines
    assert "not checked  VPCs: only AWS can tell, and the configured endpoint is not AWS" in lines
    assert re.fullmatch(r"preflight of dev: \d+ ok, 0 failed, 7 not checked", lines[-1])


def test_a_failure_has_its_remedy_below_and_exit_status_one(left_over: str, run: Run, dev_plan: Plan) -> None:
    status, lines = run(dev_plan)
    assert status == 1
    bootstrap = lines.index("failed       CDK bootstrap: the account is not bootstrapped in this region")
    assert lines[bootstrap + 1] == " " * 13 + "→ run `.venv/bin/npx cdk bootstrap aws://000000000000/us-east-1`"
    assert f"failed       names of log groups: exists outside the stacks: {left_over}" in lines
    assert ", 2 failed, " in lines[-1]


def test_a_deployed_environment_is_an_update_and_no_collision(account: Account, deployed: None, dev_plan: Plan) -> None:
    findings = dict(Preflight(dev_plan, account).findings())
    assert findings["stacks"] == Finding("ok", "1 exist: this is an update")
    assert findings["names of streams"] == Finding("ok", "1 free, 1 in use by the stacks")


def test_a_stream_that_a_removed_stack_left_is_a_collision(account: Account, dev_plan: Plan) -> None:
    kinesis = account.client("kinesis")
    kinesis.create_stream(StreamName=DEV.name("clicks"), ShardCount=1)
    try:
        finding = dict(Preflight(dev_plan, account).findings())["names of streams"]
    finally:
        kinesis.delete_stream(StreamName=DEV.name("clicks"))
    assert (finding.outcome, finding.detail) == ("failed", f"exists outside the stacks: {DEV.name('clicks')}")


def test_the_placeholder_address_of_prod_fails(bootstrapped: None, run: Run, prod_plan: Plan) -> None:
    status, lines = run(prod_plan)
    assert status == 1
    assert "failed       alarm address of prod: data-on-call@example.com is a placeholder" in lines
    assert not [line for line in lines if "Elastic IP" in line]


def test_denied_access_leaves_only_its_own_checks_open(aws: ScriptedAws, dev_plan: Plan) -> None:
    """Every call that no test announced is refused by the stub, like a call of a role without permissions."""
    aws.refuse("sts", "get_caller_identity", "AccessDenied")
    for _ in dev_plan.stacks:
        aws.refuse("cloudformation", "describe_stacks", "ValidationError", "Stack with id x does not exist")
    aws.refuse("ec2", "describe_vpcs", "UnauthorizedOperation")
    aws.answer("ec2", "describe_addresses", {"Addresses": []})
    aws.answer("service-quotas", "get_service_quota", {"Quota": {"Value": 5.0}})
    aws.refuse("kinesis", "describe_limits", "AccessDeniedException")
    findings = dict(Preflight(dev_plan, aws.account).findings())
    assert findings["CDK bootstrap"] == Finding("not checked", "access to GetCallerIdentity is denied")
    assert findings["VPCs"] == Finding("not checked", "access to DescribeVpcs is denied")
    assert findings["Elastic IP addresses"] == Finding("ok", "0 of 5 are in use, the deployment adds 1")
    assert findings["on-demand streams"].detail == "access to DescribeLimits is denied"


def test_another_error_is_named_in_one_line() -> None:
    response: Any = {"Error": {"Code": "Throttling", "Message": "Rate\nexceeded"}}
    assert reason(ClientError(response, "GetJobs")) == "GetJobs failed: Throttling Rate exceeded"


@pytest.mark.parametrize(
    ("variables", "detail"),
    [
        ({}, "no region is configured"),
        ({"AWS_REGION": "eu-west-1"}, "Unable to locate credentials"),
        ({"AWS_PROFILE": "nobody"}, r"The config profile \(nobody\) could not be found"),
    ],
)
def test_without_credentials_or_region_no_other_check_runs(
    variables: dict[str, str], detail: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    settings = {"AWS_CONFIG_FILE": "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent"}
    for name, value in (settings | {"AWS_EC2_METADATA_DISABLED": "true"} | variables).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.argv", ["preflight", "dev"])
    assert command.main() == 1
    line, remedy = capsys.readouterr().out.splitlines()
    assert re.match(f"failed       credentials and region: {detail}", line)
    assert "AWS_PROFILE" in remedy


def test_an_interrupted_preflight_says_that_nothing_changed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(_: str) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("sys.argv", ["preflight", "dev"])
    monkeypatch.setattr(command, "preflight", interrupt)
    assert command.main() == 130
    assert capsys.readouterr().err == "interrupted; nothing was changed\n"


def test_the_source_calls_only_operations_that_read() -> None:
    called = operations(source_files(ROOT / "stacks" / "preflight"))
    assert len(called) > 20
    assert [operation for operation in called if not READS.match(operation)] == []


def test_a_run_calls_only_operations_that_read(account: Account, dev_plan: Plan) -> None:
    called: set[str] = set()

    def record(model: OperationModel, **_: object) -> None:
        called.add(f"{model.service_model.service_name}:{model.name}")

    def recorded(service: str) -> Any:
        client = account.client(service)
        client.meta.events.register("before-parameter-build", record, unique_id="preflight")
        return client

    # The emulator is asked about offers too, so that these calls are recorded.
    list(Preflight(dev_plan, Account(recorded, "us-east-1")).findings())
    assert called <= operations(source_files(ROOT / "stacks" / "preflight"))
    assert {"rds:DescribeOrderableDBInstanceOptions", "kinesis:DescribeLimits", "glue:GetJobs"} <= called


def test_deploy_runs_the_preflight_unless_it_is_told_not_to() -> None:
    def commands(arguments: str) -> str:
        result = in_shell(f"make --dry-run deploy {arguments}", ROOT)
        assert result.returncode == 0, result.stderr
        return result.stdout

    checked = commands("ENV=prod")
    assert checked.index("stacks.preflight prod") < checked.index("cdk deploy 'Prod/**'")
    assert "stacks.preflight" not in commands("PREFLIGHT=")


def test_every_target_uses_the_region_of_the_cdk_cli() -> None:
    shown = in_shell(
        "make --print-data-base --dry-run help", ROOT, AWS_REGION="eu-west-1", AWS_DEFAULT_REGION="x"
    ).stdout
    assert "AWS_DEFAULT_REGION := eu-west-1" in shown
