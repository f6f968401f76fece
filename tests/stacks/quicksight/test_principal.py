"""The principal: an ARN in the context of cdk.json, for one environment."""

from pathlib import Path

import pytest

from stacks.config import DEV, PROD
from stacks.preflight.plan import plan
from stacks.quicksight.principal import Principal, with_principal
from tests.stacks.quicksight.conftest import PRINCIPAL
from tests.stacks.test_app import run


def test_an_arn_has_the_parts_of_a_group_or_a_user() -> None:
    assert Principal.parse(PRINCIPAL) == Principal("us-east-1", "111111111111", "group", "default", "analysts")
    user = Principal.parse("arn:aws-cn:quicksight:cn-north-1:111111111111:user/default/Admin/ada@example.com")
    assert (user.kind, user.name) == ("user", "Admin/ada@example.com")


@pytest.mark.parametrize(
    "arn",
    [
        "analysts",
        "arn:aws:iam::111111111111:user/ada",
        "arn:aws:quicksight:us-east-1:111111111111:user/ada",
        "arn:aws:quicksight:us-east-1:1111:user/default/ada",
        "arn:aws:quicksight:us-east-1:111111111111:role/default/ada",
        "arn:aws:quicksight::111111111111:user/default/ada",
        f"{PRINCIPAL} ",
    ],
)
def test_another_value_is_refused_with_the_form_of_the_arn(arn: str) -> None:
    with pytest.raises(ValueError, match=r"not the ARN of a QuickSight user or group: expected arn:aws:quicksight:"):
        Principal.parse(arn)


def test_the_context_turns_quicksight_on_in_one_environment() -> None:
    context = {"quicksight_principal_prod": PRINCIPAL}
    assert with_principal(PROD, context.get).quicksight_principal == PRINCIPAL
    assert with_principal(DEV, context.get) is DEV


def test_a_malformed_value_is_refused_with_its_key(tmp_path: Path) -> None:
    result = run(tmp_path, quicksight_principal_dev="analysts")
    assert result.returncode != 0
    assert "quicksight_principal_dev in cdk.json: 'analysts' is not the ARN" in result.stderr


def test_the_app_has_the_stack_in_the_environment_of_the_key(tmp_path: Path) -> None:
    result = run(tmp_path, quicksight_principal_dev=PRINCIPAL)
    assert result.returncode == 0, result.stderr
    assert list((tmp_path / "assembly-Dev").glob("DevQuickSight*.template.json"))


def test_the_preflight_plans_what_the_context_configures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = (Path("cdk.json")).read_text()
    (tmp_path / "cdk.json").write_text(
        original.replace('"context": {', f'"context": {{\n    "quicksight_principal_dev": "{PRINCIPAL}",')
    )
    monkeypatch.setattr("stacks.preflight.plan.ROOT", tmp_path)
    planned = plan([DEV], "us-east-1")
    assert planned.environments[0].quicksight_principal == PRINCIPAL
    assert "ecommerce-streaming-dev-QuickSight" in planned.stacks
