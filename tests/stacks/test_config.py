import dataclasses

import pytest

from stacks.config import DEV, PROD, environment


def test_an_unknown_environment_is_refused_with_the_valid_names() -> None:
    with pytest.raises(ValueError, match="unknown environment 'production': expected one of dev, prod"):
        environment("production")


def test_configuration_cannot_change_after_it_was_chosen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        DEV.job_workers = 10  # type: ignore[misc]


def test_only_production_keeps_its_data() -> None:
    assert PROD.keeps_data
    assert not DEV.keeps_data
