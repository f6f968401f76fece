"""The two implementations of the event contract agree."""

from hypothesis import given, settings
from hypothesis import strategies as st

from local.reconciliation.contract import RefusedError, parse
from runtime.attribution_job.events.contract import CHECKOUT
from tests.runtime.attribution_job.events.examples import (
    ARRIVAL,
    CHANGED_CHECKOUTS,
    JSON_VALUES,
    encode,
    parsed,
    reason,
)


@settings(max_examples=300)
@given(data=st.binary(max_size=60) | JSON_VALUES.map(encode) | CHANGED_CHECKOUTS)
def test_the_job_and_the_reconciliation_accept_the_same_records(data: bytes) -> None:
    (row,) = parsed(CHECKOUT, [data])
    try:
        event = parse("checkouts", data, ARRIVAL)
    except RefusedError:
        assert reason(row)
    else:
        assert (row["checkout_id"], row["user_id"], row["checkout_timestamp"]) == event[:3]
