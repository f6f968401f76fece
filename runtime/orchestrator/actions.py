"""The orchestrator's actions, and how an event selects one."""

import json
import reprlib
from typing import Literal, get_args

Action = Literal["start", "stop", "status"]
ACTIONS: tuple[Action, ...] = get_args(Action)


class InvalidAction(ValueError):  # noqa: N818 - operators see the name as Lambda's error type
    """The event selects no known action. The message lists the valid actions or rules."""


def requested_action(event: object, scheduled_actions: str) -> Action:
    """Returns the action of `{"action": ACTION}`, or the action configured for the rule of an EventBridge event.

    `scheduled_actions` is a JSON object that maps rule names to actions.

    Raises:
        InvalidAction: the event or `scheduled_actions` has the wrong form, or the rule or action is unknown.
    """
    valid = f"valid actions: {', '.join(ACTIONS)}"
    if isinstance(event, dict) and "detail-type" in event:
        action = _scheduled(event, scheduled_actions)
    elif isinstance(event, dict) and event.keys() == {"action"}:
        action = event["action"]
    else:
        raise InvalidAction(f'payload {reprlib.repr(event)} is not {{"action": ACTION}}; {valid}')
    for known_action in ACTIONS:
        if action == known_action:
            return known_action
    raise InvalidAction(f"action {reprlib.repr(action)} is unknown; {valid}")


def _scheduled(event: dict[str, object], scheduled_actions: str) -> object:
    """Returns the action of the event's rule, which `resources` has as `arn:...:rule/[BUS/]NAME`."""
    try:
        actions = json.loads(scheduled_actions)
    except json.JSONDecodeError as error:
        raise InvalidAction(f"environment variable SCHEDULED_ACTIONS is not JSON: {error}") from None
    if not isinstance(actions, dict):
        raise InvalidAction(f"environment variable SCHEDULED_ACTIONS = {scheduled_actions}: must be a JSON object")
    resources = event.get("resources")
    arn = resources[0] if isinstance(resources, list) and resources else ""
    rule = str(arn).rpartition("/")[2]
    if rule not in actions:
        known_rules = ", ".join(sorted(actions)) or "none"
        raise InvalidAction(f"rule '{rule}' has no action in SCHEDULED_ACTIONS; rules with an action: {known_rules}")
    return actions[rule]
