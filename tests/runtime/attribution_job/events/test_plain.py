"""The fast path for plain records gives the same results as reading records one by one."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.attribution_job.events.contract import CHECKOUT
from runtime.attribution_job.events.plain import plain_pattern
from tests.runtime.attribution_job.events.examples import (
    CHANGED_CHECKOUTS,
    JSON_VALUES,
    checkout,
    encode,
    encode_compactly,
    parsed,
    reason,
)


@given(
    data=st.lists(
        JSON_VALUES.map(encode) | CHANGED_CHECKOUTS | CHANGED_CHECKOUTS.map(json.loads).map(encode_compactly),
        max_size=60,
    )
)
def test_both_paths_give_the_same_results(data: list[bytes]) -> None:
    events = [*data, encode(checkout), encode_compactly(checkout)]
    # A leading space keeps a record off the fast path, because it is not plain then. Dead letters include that space.
    assert parsed(CHECKOUT, events) == [
        row | ({"data": row["data"].replace("\\x20", "\\x", 1)} if reason(row) else {})
        for row in parsed(CHECKOUT, [b" " + event for event in events])
    ]


@pytest.mark.parametrize(
    "invalid",
    [b'{"checkout_id": "a", ' + encode(checkout)[1:], encode_compactly(checkout).replace(b"card", b"c\xffrd")],
    ids=["a field twice", "invalid UTF-8"],
)
def test_an_invalid_record_that_looks_plain_does_not_affect_others(invalid: bytes) -> None:
    first, second, third = parsed(CHECKOUT, [encode(checkout), invalid, encode_compactly(checkout)])
    assert (reason(first), reason(third)) == (None, None)
    assert reason(second) in {"not JSON", "not UTF-8"}


def test_common_encodings_are_plain() -> None:
    """Covers the data generator's encoding, and compact encoding."""
    pattern = plain_pattern(CHECKOUT).replace("\\z", "$").encode()
    assert all(re.search(pattern, event) for event in (encode(checkout), encode_compactly(checkout)))
