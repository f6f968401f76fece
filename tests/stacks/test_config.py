import dataclasses

import pytest

from runtime.attribution_job.events.mapping import built_in_names
from stacks.config import DEV, ENVIRONMENTS, PROD, Config, environment
from stacks.delivery import Delivery, delivery

CONNECTION = "arn:aws:codeconnections:eu-west-1:111111111111:connection/0a1b"


def test_an_unknown_environment_is_refused_with_the_valid_names() -> None:
    with pytest.raises(ValueError, match="unknown environment 'production': expected one of dev, prod"):
        environment("production")


def test_a_configuration_is_immutable() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        DEV.job_workers = 10  # type: ignore[misc]


def test_only_production_keeps_its_data() -> None:
    assert PROD.keeps_data
    assert not DEV.keeps_data


@pytest.mark.parametrize("config", ENVIRONMENTS.values(), ids=ENVIRONMENTS)
def test_a_configured_event_mapping_is_in_the_jobs_code(config: Config) -> None:
    if config.event_mapping is not None:
        assert config.event_mapping in built_in_names()
        assert config.attribution_join == "postgres"


@pytest.mark.parametrize("required", [False, True])
def test_a_delivery_is_configured_by_a_repository_and_a_connection(required: bool) -> None:
    context = {"repository": "example/shop", "connection_arn": CONNECTION}
    assert delivery(context.get, required=required) == Delivery(repository="example/shop", connection_arn=CONNECTION)


def test_no_delivery_is_configured_by_default() -> None:
    assert delivery(lambda _: None, required=False) is None


@pytest.mark.parametrize(
    ("context", "required", "problem"),
    [
        ({"repository": "example/shop"}, False, "connection_arn is missing"),
        ({"connection_arn": CONNECTION}, False, "repository is missing"),
        ({}, True, "repository is missing, connection_arn is missing"),
        ({"repository": "shop", "connection_arn": CONNECTION}, False, "repository is 'shop'"),
        ({"repository": "example/shop", "connection_arn": "arn:aws:s3:::shop"}, False, "connection_arn is 'arn:aws:s3"),
    ],
)
def test_an_incomplete_or_malformed_delivery_is_refused_with_the_problem(
    context: dict[str, str], required: bool, problem: str
) -> None:
    with pytest.raises(ValueError, match=f"the pipeline needs context in cdk.json: {problem}"):
        delivery(context.get, required=required)
