"""Which action an invocation asks for."""

import json
import reprlib
from typing import Literal, get_args

Action = Literal["start", "stop", "status"]
ACTIONS: tuple[Action, ...] = get_args(Action)


class InvalidAction(ValueError):  # noqa: N818 - what an operator reads as Lambda's error type
    """The invocation asks for nothing that can be done; the message lists what can."""


def requested_action(event: object, scheduled_actions: str) -> Action:
    """Return the action of `{"action": ACTION}`, or the one configured for the rule of EventBridge's event.

    `scheduled_actions` is the text of a JSON object from rule name to action. Raises InvalidAction.
    """
    valid = f"valid actions: {', '.join(ACTIONS)}"
    if isinstance(event, dict) and "detail-type" in event:
        action = _scheduled(event, scheduled_actions)
    elif isinstance(event, dict) and event.keys() == {"action"}:
        action = event["action"]
    else:
        raise InvalidAction(f'payload {reprlib.repr(event)} is not {{"action": ACTION}}; {valid}')
    for known in ACTIONS:
        if action == known:
            return known
    raise InvalidAction(f"action {reprlib.repr(action)} is unknown; {valid}")


def _scheduled(event: dict[str, object], scheduled_actions: str) -> object:
    """Return the action of the rule whose ARN is the event's resource: `arn:...:rule/[BUS/]NAME`."""
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
        known = ", ".join(sorted(actions)) or "none"
        raise InvalidAction(f"rule '{rule}' has no action in SCHEDULED_ACTIONS; rules that have one: {known}")
    return actions[rule]
