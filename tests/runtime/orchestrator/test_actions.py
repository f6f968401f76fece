import json
from typing import Any

import pytest

from runtime.orchestrator.actions import InvalidAction, requested_action

RULES = json.dumps({"start-in-the-morning": "start", "stop-at-night": "stop", "mistyped": "begin"})


def scheduled(arn: str) -> dict[str, Any]:
    return {"version": "0", "detail-type": "Scheduled Event", "resources": [arn], "detail": {}}


@pytest.mark.parametrize("action", ["start", "stop", "status"])
def test_the_payload_names_the_action(action: str) -> None:
    assert requested_action({"action": action}, "{}") == action


@pytest.mark.parametrize(
    ("arn", "action"),
    [
        ("arn:aws:events:eu-west-1:123456789012:rule/start-in-the-morning", "start"),
        ("arn:aws:events:eu-west-1:123456789012:rule/a-bus/stop-at-night", "stop"),
        ("arn:aws:scheduler:eu-west-1:123456789012:schedule/default/stop-at-night", "stop"),
    ],
)
def test_an_eventbridge_rule_has_its_configured_action(arn: str, action: str) -> None:
    assert requested_action(scheduled(arn), RULES) == action


@pytest.mark.parametrize(
    "event",
    [
        None,
        "start",
        7,
        [],
        ["start"],
        {},
        {"action": None},
        {"action": ["start"]},
        {"action": "Start"},
        {"action": "restart"},
        {"action": "start", "job": "another"},
        {"Action": "start"},
        scheduled("arn:aws:events:eu-west-1:123456789012:rule/mistyped"),
    ],
)
def test_an_invalid_event_is_refused_with_the_valid_actions(event: object) -> None:
    with pytest.raises(InvalidAction, match="valid actions: start, stop, status"):
        requested_action(event, RULES)


@pytest.mark.parametrize("resources", [["arn:aws:events:eu-west-1:123456789012:rule/nightly"], [], None, "x"])
def test_an_unknown_rule_is_refused_with_the_known_rules(resources: object) -> None:
    event = scheduled("") | {"resources": resources}
    with pytest.raises(InvalidAction, match="rules with an action: mistyped, start-in-the-morning, stop-at-night"):
        requested_action(event, RULES)


def test_an_unknown_rule_is_named() -> None:
    with pytest.raises(InvalidAction, match=r"rule 'nightly' has no action in SCHEDULED_ACTIONS; .*: none"):
        requested_action(scheduled("arn:aws:events:eu-west-1:123456789012:rule/nightly"), "{}")


@pytest.mark.parametrize("configured", ["", "start", "[]", '"start"', "null"])
def test_a_configuration_that_is_not_a_json_object_is_named(configured: str) -> None:
    with pytest.raises(InvalidAction, match="environment variable SCHEDULED_ACTIONS"):
        requested_action(scheduled("arn:aws:events:eu-west-1:123456789012:rule/nightly"), configured)
