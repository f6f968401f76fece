"""Each malformed record is refused for the defect that it names."""

import re
from collections import defaultdict

import pytest

from runtime.attribution_job.events.contract import CHECKOUT, CLICK
from runtime.attribution_job.events.reading import outcomes
from runtime.data_generator.defects import DEFECTS
from runtime.data_generator.simulation import simulate
from tests.runtime.data_generator.simulated import END, INVOCATION, make_settings

REASONS = {
    "truncated": "not JSON",
    "missing_field": r"\w+: missing",
    "placeholder_user": "user_id: a placeholder",
    "no_zone": r"\w+_timestamp: has no zone",
    "no_such_time": r"\w+_timestamp: no such time",
    "repeated_field": r"a field twice: (click_timestamp|total_amount|amount)",
    "other_version": "schema_version: expected 1",
    "not_utf8": "not UTF-8",
    "cut_gzip": "gzip that ends too early",
    "wrong_digest": "KPL aggregate: wrong digest",
    "amount_nan": "(total_)?amount: not a number",
    "thousands_separator": "(total_)?amount: a thousands separator or decimal comma",
    "negative_amount": "total_amount: negative: send a refund|amount: negative",
    "unknown_currency": "currency: not in ISO 4217",
}


@pytest.mark.parametrize(
    ("kinds", "variety", "malformed_share"),
    [("clicks", 0.0, 1.0), ("checkouts", 10.0, 0.5)],
    ids=["of clicks", "of checkouts and refunds"],
)
def test_every_defect_occurs_and_is_the_reason_of_the_refusal(
    kinds: str, variety: float, malformed_share: float
) -> None:
    settings = make_settings(clicks=6_000, malformed_share=malformed_share, variety=variety)
    reasons = defaultdict(set)
    for record in simulate(settings, INVOCATION):
        if record.defect and record.stream == kinds:
            (outcome,) = outcomes(record.data, END, CLICK if kinds == "clicks" else CHECKOUT)
            reasons[record.defect].add(outcome.reason or "accepted")
    expected = DEFECTS["click"] if kinds == "clicks" else DEFECTS["checkout"]
    assert reasons.keys() == expected.keys()
    for defect, found in reasons.items():
        assert all(re.fullmatch(REASONS[defect], reason) for reason in found), (defect, found)
    if kinds == "checkouts":
        assert reasons["negative_amount"] == {"total_amount: negative: send a refund", "amount: negative"}
