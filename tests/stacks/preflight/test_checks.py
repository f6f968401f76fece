"""The checks, with the answer that makes each one fail."""

import pytest

from stacks.preflight import checks
from stacks.preflight.account import Offer, Quota
from stacks.preflight.names import Existing
from stacks.preflight.plan import Database

ZONES = ("eu-west-1a", "eu-west-1b")
T3 = Database("postgres", "18", "db.t3.micro", "gp3", multi_az=False)
M7 = Database("postgres", "18", "db.m7g.large", "gp3", multi_az=True)


def offer(version: str = "18.3", storage: str = "gp3", multi_az: bool = True, zones: tuple[str, ...] = ZONES) -> Offer:
    return Offer(version, storage, multi_az, frozenset(zones))


@pytest.mark.parametrize(
    "address",
    ["data-on-call@example.com", "a@Example.ORG", "a@mail.example.net", "a@shop.test", "a@localhost", "nobody"],
)
def test_a_placeholder_is_no_alarm_address(address: str) -> None:
    finding = checks.alarm_address(address)
    assert finding.outcome == "failed"
    assert "stacks/config.py" in finding.remedy


@pytest.mark.parametrize("address", ["oncall@shop.de", "a@myexample.com", "a@contest.org", None])
def test_a_real_alarm_address_or_none_is_accepted(address: str | None) -> None:
    assert checks.alarm_address(address).outcome == "ok"


def test_a_missing_or_old_bootstrap_fails_with_the_command_to_run() -> None:
    for version in (None, "5"):
        finding = checks.bootstrap(version, 6, "aws://123456789012/eu-west-1")
        assert finding.outcome == "failed"
        assert "npx cdk bootstrap aws://123456789012/eu-west-1" in finding.remedy
    assert checks.bootstrap("6", 6, "").outcome == "ok"
    assert checks.bootstrap("30", 6, "").detail == "version 30; the templates need version 6"


@pytest.mark.parametrize("state", ["DELETE_FAILED", "UPDATE_ROLLBACK_FAILED", "UPDATE_IN_PROGRESS"])
def test_a_stack_that_refuses_an_update_fails(state: str) -> None:
    finding = checks.stacks({"a": "CREATE_COMPLETE", "b": state})
    assert (finding.outcome, finding.detail) == ("failed", f"b is {state}")


def test_a_first_deployment_and_an_update_are_told_apart() -> None:
    assert checks.stacks({}).detail == "none exists: this is a first deployment"
    states = {"a": "UPDATE_COMPLETE", "b": "ROLLBACK_COMPLETE", "c": "REVIEW_IN_PROGRESS"}
    assert checks.stacks(states).detail == "3 exist: this is an update"


def test_a_quota_counts_only_the_resources_that_a_deployment_adds() -> None:
    full = Quota(used=5, limit=5, increase="the console")
    assert checks.quota(full, needed=1, owned=1).outcome == "ok"
    finding = checks.quota(full, needed=1, owned=0)
    assert finding.outcome == "failed"
    assert finding.detail == "5 of 5 are in use, the deployment adds 1"
    assert finding.remedy == "delete unused ones, or raise the quota: the console"


def test_a_region_with_too_few_zones_fails() -> None:
    assert checks.zones(["a"], 2).outcome == "failed"
    assert checks.zones(["a", "b", "c"], 2).detail == "the subnets will be in a and b"


@pytest.mark.parametrize(
    ("database", "offers", "detail"),
    [
        (T3, [], "offered with no version in this region"),
        (T3, [offer("17.6"), offer("9.6"), offer("180.1")], "offered with 9, 17, 180 in this region"),
        (T3, [offer(storage="gp2")], "not offered with gp3 storage"),
        (T3, [offer(zones=("eu-west-1c",))], "not offered in either of eu-west-1a, eu-west-1b"),
        (M7, [offer(zones=("eu-west-1a",))], "not offered in both of eu-west-1a, eu-west-1b"),
        (M7, [offer(multi_az=False)], "not offered in both of eu-west-1a, eu-west-1b"),
        (M7, [offer(storage="gp2"), offer("17.6")], "not offered with gp3 storage"),
    ],
)
def test_an_instance_that_rds_does_not_offer_fails(database: Database, offers: list[Offer], detail: str) -> None:
    finding = checks.database(database, offers, ZONES)
    assert (finding.outcome, finding.detail) == ("failed", detail)
    assert "database_instance" in finding.remedy


def test_an_offered_instance_is_named_with_its_minor_versions() -> None:
    offers = [offer("18.3"), offer("18.1"), offer("18.3", "gp2"), offer("17.6")]
    assert checks.database(T3, offers, ZONES).detail == "offered as 18.1, 18.3"
    assert checks.database(M7, offers, ZONES).outcome == "ok"
    one_zone = offer(multi_az=False, zones=("eu-west-1b", "eu-west-1c"))
    assert checks.database(T3, [one_zone], ZONES).outcome == "ok"


def test_an_unknown_lambda_runtime_fails() -> None:
    assert checks.runtime(is_known=False).outcome == "failed"
    assert checks.runtime(is_known=True).outcome == "ok"


def test_the_version_of_glue_is_not_claimed_to_be_checked() -> None:
    assert checks.glue(answers=True).outcome == "not checked"
    assert checks.glue(answers=False).outcome == "failed"


def test_an_endpoint_service_must_be_offered_in_every_zone() -> None:
    offered = {"glue": frozenset(ZONES), "kms": frozenset(ZONES[:1])}
    assert checks.endpoints(["glue"], offered, ZONES).outcome == "ok"
    finding = checks.endpoints(["glue", "kms", "sts"], offered, ZONES)
    assert finding.outcome == "failed"
    assert finding.detail == "not offered: kms in eu-west-1b; sts in eu-west-1a, eu-west-1b"


def test_a_name_in_use_fails_unless_the_stacks_own_the_resource() -> None:
    clicks, secret = Existing("clicks", "clicks"), Existing("login", "arn:login-x", waits_for_deletion=True)
    assert checks.names(3, [], owned=[]).detail == "3 free"
    assert checks.names(3, [clicks], owned=["clicks"]).detail == "2 free, 1 in use by the stacks"
    finding = checks.names(3, [clicks, secret], owned=["clicks"])
    assert finding.outcome == "failed"
    assert finding.detail == "exists outside the stacks: login (waits for deletion)"
    assert "docs/first-deployment.md" in finding.remedy
