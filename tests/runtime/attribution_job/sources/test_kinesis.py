import copy
import functools
import threading
import time

import pyarrow as pa
import pytest

from runtime.attribution_job.events.contract import CLICK
from runtime.attribution_job.events.pages import parse_page, unpack
from runtime.attribution_job.sources.offsets import Offsets
from runtime.attribution_job.sources.records import SCHEMA
from tests.runtime.attribution_job.sources.fake_kinesis import FakeKinesis
from tests.runtime.attribution_job.sources.reading import Query, as_json, data_of, new_reader, numbered, read_again
from tests.waiting import wait_until


def test_every_shard_is_read_from_the_oldest_record_on() -> None:
    kinesis = FakeKinesis(shards=3)
    data = numbered(kinesis, 10)
    assert sorted(Query(kinesis).read(10)) == data


def test_a_record_has_the_columns_of_the_glue_connector() -> None:
    kinesis = FakeKinesis(shards=1)
    kinesis.put(b"x")
    reader = new_reader(kinesis)
    while not (batches := list(reader.read({})[0])):
        pass
    (row,) = [record for batch in batches for record in batch.to_pylist()]
    assert list(row) == SCHEMA.names
    assert (row["data"], row["streamName"], row["partitionKey"]) == (b"x", "clicks", "p")
    assert row["approximateArrivalTimestamp"].microsecond == 125_000


def test_a_restarted_query_resumes_after_its_last_record() -> None:
    kinesis = FakeKinesis()
    kinesis.put(b"before")
    query = Query(kinesis)
    assert query.read(1) == [b"before"]
    kinesis.put(b"after")
    query.restart()
    assert query.read(1) == [b"after"]


def test_offsets_stay_the_same_without_a_new_record() -> None:
    kinesis = FakeKinesis()
    query = Query(kinesis)
    assert query.read(0) == []
    assert query.offsets == {}
    kinesis.put(b"x")
    query.read(1)
    offsets = query.offsets
    query.read(0)
    assert query.offsets == offsets


def test_a_batch_has_at_most_its_number_of_records() -> None:
    kinesis = FakeKinesis(shards=2)
    numbered(kinesis, 40)
    query = Query(kinesis, records_per_batch=10)
    sizes: list[int] = []
    while sum(sizes) < 40:
        sizes.append(len(query.next_batch()))
    assert max(sizes) <= 10


def test_spark_gets_one_row_for_each_kind_of_event_in_a_page() -> None:
    kinesis = FakeKinesis(shards=2, page=20)
    data = numbered(kinesis, 40)
    reader = new_reader(kinesis, parse=functools.partial(parse_page, contract=CLICK))
    offsets: Offsets = {}
    rows = 0
    letters: list[str] = []
    while len(letters) < 40:
        batches, offsets = reader.read(offsets)
        for batch in batches:
            assert batch.schema.names == ["kind", "rows"]
            rows, letters = rows + len(batch), letters + unpack(batch).dead_letter["data"].to_pylist()
    assert sorted(bytes.fromhex(letter[2:]) for letter in letters) == sorted(data)
    assert rows <= 4


def test_a_batch_is_bounded_by_records_however_few_rows_they_become() -> None:
    kinesis = FakeKinesis(shards=2)
    numbered(kinesis, 40)
    reader = new_reader(kinesis, 10, functools.partial(parse_page, contract=CLICK))
    offsets: Offsets = {}
    sizes: list[int] = []
    while sum(sizes) < 40:
        batches, offsets = reader.read(offsets)
        sizes += [len(unpack(batch).dead_letter) for batch in batches]
    assert max(sizes) <= 10


def test_an_error_of_the_parser_fails_the_query() -> None:
    kinesis = FakeKinesis(shards=1)
    kinesis.put(b"x")

    def broken(records: pa.RecordBatch) -> pa.RecordBatch:
        raise ArithmeticError(f"{len(records)} record")

    reader = new_reader(kinesis, parse=broken)
    with pytest.raises(ArithmeticError, match="1 record"):
        wait_until(lambda: reader.read({})[1], "an error")


def test_a_shard_that_ends_without_a_record_gives_no_row_and_moves_the_offsets() -> None:
    kinesis = FakeKinesis(shards=1)
    kinesis.split()
    query = Query(kinesis)
    assert query.read_until(lambda: query.offsets) == []
    assert query.offsets["shardId-000000000000"]["ended"]


def test_spark_can_read_a_batch_more_than_once() -> None:
    """Spark reads a copy of the iterator, each time that the plan has the stream."""
    kinesis = FakeKinesis(shards=2)
    data = numbered(kinesis, 1)
    reader = new_reader(kinesis)
    while (read := reader.read({}))[1] == {}:
        pass
    assert [data_of(copy.copy(read[0])) for _ in range(2)] == [data, data]


def test_a_repeated_batch_whose_record_is_gone_names_the_runbook() -> None:
    kinesis = FakeKinesis(shards=1)
    kinesis.put(b"x")
    query = Query(kinesis)
    query.read(1)
    kinesis.records["shardId-000000000000"].clear()
    with pytest.raises(RuntimeError, match=r"stream clicks, shardId-000000000000: record .* is gone.*Checkpoint lost"):
        read_again(kinesis, {}, query.offsets)


def test_a_repeated_batch_has_the_same_records_after_a_restart() -> None:
    kinesis = FakeKinesis(shards=3, page=2)
    data = numbered(kinesis, 20)
    query = Query(kinesis)
    assert sorted(query.read(20)) == sorted(data)
    numbered(kinesis, 5, first=100)
    assert sorted(read_again(kinesis, {}, as_json(query.offsets))) == sorted(data)


def test_an_error_that_does_not_pass_fails_the_query_with_its_code() -> None:
    kinesis = FakeKinesis(shards=1)
    kinesis.errors["shardId-000000000000"] = ["AccessDeniedException"]
    query = Query(kinesis)
    with pytest.raises(Exception, match="AccessDeniedException"):
        query.read(1)


@pytest.mark.parametrize("waiting", [0, 50])
def test_a_stopped_reader_asks_for_nothing_more(waiting: int) -> None:
    kinesis = FakeKinesis()
    numbered(kinesis, waiting)
    query = Query(kinesis, records_per_batch=1)
    query.next_batch()
    wait_until(lambda: len(set(kinesis.calls)) == 2)
    # With records that wait, the buffer is full by then, and no request is under way.
    time.sleep(0.1)
    reading = [thread for thread in threading.enumerate() if thread.name.startswith("clicks ")]
    query.reader.stop()
    for thread in reading:
        thread.join(5)
    assert reading
    assert not any(thread.is_alive() for thread in reading)
