"""The contract twice: what the job accepts, the reconciliation accepts."""

from hypothesis import given, settings
from hypothesis import strategies as st

from local.reconciliation.contract import RefusedError, parse
from runtime.attribution_job.events.contract import CHECKOUT
from tests.runtime.attribution_job.events.test_parsing import ALMOST, ARRIVAL, JSON, encode, parsed, reason


@settings(max_examples=300)
@given(data=st.binary(max_size=60) | JSON.map(encode) | ALMOST)
def test_the_job_accepts_what_the_reconciliation_accepts(data: bytes) -> None:
    (row,) = parsed(CHECKOUT, [data])
    try:
        event = parse("checkouts", data, ARRIVAL)
    except RefusedError:
        assert reason(row)
    else:
        assert (row["checkout_id"], row["user_id"], row["checkout_timestamp"]) == event[:3]
