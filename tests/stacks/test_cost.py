from dataclasses import replace

import pytest

from stacks.config import DEV, PROD
from stacks.cost import ALARMED_METRICS, KEYS, SECRETS, hourly, main, per_million
from tests.stacks.conftest import ROOT, Environment


def test_the_costs_follow_the_configuration() -> None:
    more = dict(hourly(replace(DEV, job_workers=3)))
    assert more["Glue job, 3 G.1X, while it runs"] == pytest.approx(3 * 0.308)
    assert "NAT gateway, 1" in dict(hourly(DEV))
    assert not [what for what in dict(hourly(PROD)) if what.startswith("NAT")]


def test_a_million_events_cost_the_hours_in_which_they_come() -> None:
    an_hour = sum(cost for _, cost in hourly(DEV))
    assert f"${an_hour / 3.6:.3f} at 1,000 events/s" in per_million(DEV)
    assert "join in postgres" in per_million(replace(DEV, attribution_join="postgres"))


def test_what_is_counted_is_what_is_deployed(environment: Environment) -> None:
    kinds = [resource["Type"] for _, _, resource in environment.everything()]
    assert kinds.count("AWS::KMS::Key") == KEYS
    assert kinds.count("AWS::SecretsManager::Secret") + 1 == SECRETS  # and the owner's, which RDS makes
    assert abs(kinds.count("AWS::CloudWatch::Alarm") - ALARMED_METRICS) <= 8


def test_the_documentation_has_the_computed_table(capsys: pytest.CaptureFixture[str]) -> None:
    main()
    assert capsys.readouterr().out.strip() in (ROOT / "docs" / "deploying.md").read_text()
