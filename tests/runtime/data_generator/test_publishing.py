import pytest
from botocore.exceptions import (
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
)
from hypothesis import given
from hypothesis import strategies as st

from runtime.data_generator.publishing import MAX_REQUEST_BYTES, PublishError, requests
from runtime.data_generator.simulation import Record
from tests.runtime.data_generator.fake_kinesis import (
    FakeKinesis,
    accept,
    client_error,
    fail,
    record,
    refuse_all,
    refuse_some,
)


def test_accepted_records_are_sent_only_once() -> None:
    kinesis = FakeKinesis()
    assert kinesis.publish([record(n) for n in range(1200)]) == 0
    assert [len(data) for _, data in kinesis.requests] == [500, 500, 200]
    assert kinesis.waits == []


def test_no_records_make_no_request() -> None:
    kinesis = FakeKinesis()
    assert kinesis.publish([]) == 0
    assert kinesis.requests == []


def test_requests_alternate_between_the_streams_in_record_order() -> None:
    kinesis = FakeKinesis()
    kinesis.publish([record(n, "checkouts" if n % 10 == 9 else "clicks") for n in range(1000)])
    assert [(name, len(data)) for name, data in kinesis.requests] == [
        ("shop-clicks", 450),
        ("shop-checkouts", 50),
        ("shop-clicks", 450),
        ("shop-checkouts", 50),
    ]
    assert kinesis.requests[0][1][0] == b"0"
    assert kinesis.requests[3][1][-1] == b"999"


@given(sizes=st.lists(st.integers(0, 1024 * 1024 - 11), max_size=30) | st.lists(st.just(1), max_size=1100))
def test_requests_respect_the_limits_and_contain_every_record_in_order(sizes: list[int]) -> None:
    blob = bytes(1024 * 1024)
    records = [Record("clicks", f"user-{n:06d}", blob[:size], False, None) for n, size in enumerate(sizes)]
    batches = [batch for _, batch in requests(records)]
    assert [entry for batch in batches for entry in batch] == records
    for batch in batches:
        assert 0 < len(batch) <= 500
        assert sum(len(entry.data) + len(entry.partition_key) for entry in batch) <= MAX_REQUEST_BYTES


def test_large_records_share_a_request_up_to_the_size_limit() -> None:
    batch_sizes = [len(batch) for _, batch in requests([record(n, size=1024 * 1024 - 11) for n in range(12)])]
    assert batch_sizes == [5, 5, 2]


def test_an_oversized_record_is_refused_with_its_size() -> None:
    with pytest.raises(ValueError, match="a record of clicks has 1048577 bytes"):
        list(requests([record(1, size=1024 * 1024 - 10)]))
    assert list(requests([record(1, size=1024 * 1024 - 11)]))


def test_only_refused_entries_are_retried_and_in_order() -> None:
    kinesis = FakeKinesis(refuse_some({b"7", b"3", b"498"}), refuse_some({b"7"}))
    assert kinesis.publish([record(n) for n in range(600)]) == 4
    assert [data for _, data in kinesis.requests[1:3]] == [[b"3", b"7", b"498"], [b"7"]]
    assert len(kinesis.requests[3][1]) == 100


@pytest.mark.parametrize(
    "error",
    [
        client_error("ProvisionedThroughputExceededException", 400),
        client_error("ThrottlingException", 400),
        client_error("KMSThrottlingException", 400),
        client_error("LimitExceededException", 400),
        client_error("InternalFailure", 500),
        client_error("ServiceUnavailable", 503),
        EndpointConnectionError(endpoint_url="https://kinesis"),
        ConnectTimeoutError(endpoint_url="https://kinesis"),
        ReadTimeoutError(endpoint_url="https://kinesis"),
        ConnectionClosedError(endpoint_url="https://kinesis"),
    ],
    ids=str,
)
def test_a_request_with_a_transient_error_is_retried_whole(error: Exception) -> None:
    kinesis = FakeKinesis(fail(error), fail(error))
    assert kinesis.publish([record(1), record(2)]) == 4
    assert [data for _, data in kinesis.requests] == [[b"1", b"2"]] * 3
    assert len(kinesis.waits) == 2


@pytest.mark.parametrize("code", ["ResourceNotFoundException", "AccessDeniedException", "KMSDisabledException"])
def test_a_permanent_error_fails_without_a_retry(code: str) -> None:
    kinesis = FakeKinesis(then=fail(client_error(code, 400)))
    with pytest.raises(PublishError, match=rf"not accepted: 1 of 1 clicks; last error: ClientError: .*{code}"):
        kinesis.publish([record(1)])
    assert len(kinesis.requests) == 1


def test_retry_waits_grow_to_a_cap_with_full_jitter() -> None:
    waits = [wait for _ in range(40) for wait in waits_of_twelve_retries()]
    assert max(waits) <= 5
    assert max(waits[::12]) <= 0.1
    assert min(waits[11::12]) < 1.5
    assert max(waits[11::12]) > 3.5


def waits_of_twelve_retries() -> list[float]:
    kinesis = FakeKinesis(*[refuse_all] * 12)
    kinesis.publish([record(1)], budget_seconds=1000)
    return kinesis.waits


def test_a_spent_budget_raises_with_the_unaccepted_records_by_stream() -> None:
    records = [record(n, "checkouts" if n % 10 == 9 else "clicks") for n in range(1000)]
    kinesis = FakeKinesis(refuse_some({b"0", b"1"}), accept, accept, then=refuse_all)
    with pytest.raises(PublishError) as failure:
        kinesis.publish(records, budget_seconds=20)
    assert "not accepted: 450 of 900 clicks, 50 of 100 checkouts" in str(failure.value)
    assert "ProvisionedThroughputExceededException: Rate exceeded" in str(failure.value)
    assert 5 < sum(kinesis.waits) < 20


def test_accepted_entries_of_an_incomplete_request_count_as_accepted() -> None:
    kinesis = FakeKinesis(then=refuse_some({b"2"}))
    with pytest.raises(PublishError, match="1 of 3 clicks"):
        kinesis.publish([record(n) for n in range(3)], budget_seconds=1)


def test_slow_requests_without_errors_spend_the_budget() -> None:
    kinesis = FakeKinesis()
    kinesis.seconds_a_request = 6
    with pytest.raises(PublishError, match="1000 of 2000 clicks; last error: NotAccepted: OutOfTime"):
        kinesis.publish([record(n) for n in range(2000)], budget_seconds=10)
