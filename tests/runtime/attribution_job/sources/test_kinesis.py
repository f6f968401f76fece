import pickle
from unittest.mock import sentinel

import pytest

from runtime.attribution_job.sources import kinesis as source
from runtime.attribution_job.sources.kinesis import KinesisDataSource, KinesisStreamReader
from tests.runtime.attribution_job.sources.fake_kinesis import FakeKinesis
from tests.runtime.attribution_job.sources.reading import Query, new_reader, numbered, read_batch, read_tables


def test_every_shard_is_read_from_the_oldest_record_on() -> None:
    kinesis = FakeKinesis(shards=3)
    data = numbered(kinesis, 10)
    assert sorted(Query(kinesis).read(10)) == data


def test_a_row_has_the_columns_of_the_glue_connector() -> None:
    kinesis = FakeKinesis(shards=1)
    kinesis.put(b"x")
    query = Query(kinesis)
    while not (end := query.plan()):
        pass
    (table,) = read_tables(query.reader, {}, end)
    (row,) = table.to_pylist()
    assert list(row) == KinesisDataSource({}).schema().names
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
    assert query.plan() == query.offsets


def test_a_batch_has_at_most_its_number_of_records() -> None:
    kinesis = FakeKinesis(shards=2)
    numbered(kinesis, 40)
    query = Query(kinesis, records_per_batch=10)
    sizes: list[int] = []
    while sum(sizes) < 40:
        sizes.append(len(query.next_batch()))
    assert max(sizes) <= 10


def test_a_planned_batch_is_the_same_each_time_that_it_is_read() -> None:
    kinesis = FakeKinesis(shards=2)
    data = numbered(kinesis, 20)
    query = Query(kinesis)
    seen = query.next_batch_with_records()
    start, end = query.offsets, query.plan()
    while end == start:
        end = query.plan()
    numbered(kinesis, 20, first=100)
    first, second = (read_batch(query.reader, start, end) for _ in range(2))
    assert first == second
    assert set(seen + first) <= set(data)


def test_a_large_batch_is_cut_into_a_partition_for_each_task(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "RECORDS_PER_TASK", 2)
    kinesis = FakeKinesis(shards=1, page=100)
    data = numbered(kinesis, 9)
    query = Query(kinesis, tasks=3)
    while not (end := query.plan()):
        pass
    tables = read_tables(query.reader, {}, end)
    assert [len(table) for table in tables] == [3, 3, 3]
    assert [text for table in tables for text in table["data"].to_pylist()] == data


def test_a_partition_never_exceeds_the_size_of_a_task(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "BYTES_PER_TASK", 1000)
    kinesis = FakeKinesis(shards=1, page=100)
    for _ in range(10):
        kinesis.put(b"x" * 450)
    query = Query(kinesis, tasks=1)
    while not (end := query.plan()):
        pass
    assert len(query.reader.partitions({}, end)) >= 5


def test_a_repeated_batch_whose_record_is_gone_names_the_runbook() -> None:
    kinesis = FakeKinesis(shards=1)
    kinesis.put(b"x")
    query = Query(kinesis)
    query.read(1)
    kinesis.records["shardId-000000000000"].clear()
    restarted = new_reader(kinesis)
    restarted.partitions(query.offsets, query.offsets)
    with pytest.raises(RuntimeError, match=r"stream clicks, shardId-000000000000: record .* is gone.*Checkpoint lost"):
        restarted.partitions({}, query.offsets)


def test_a_repeated_batch_is_read_again_after_a_restart() -> None:
    kinesis = FakeKinesis(shards=3, page=2)
    data = numbered(kinesis, 20)
    query = Query(kinesis)
    while len(data) > len(read_batch(query.reader, {}, query.plan())):
        pass
    end = query.plan()
    numbered(kinesis, 5, first=100)
    restarted = new_reader(kinesis)
    restarted.partitions(end, end)
    assert sorted(read_batch(restarted, {}, end)) == sorted(data)


def test_an_error_that_does_not_pass_fails_the_query_with_its_code() -> None:
    kinesis = FakeKinesis(shards=1)
    kinesis.errors["shardId-000000000000"] = ["AccessDeniedException"]
    query = Query(kinesis)
    with pytest.raises(Exception, match="AccessDeniedException"):
        query.read(1)


def test_spark_can_send_the_reader_to_another_process() -> None:
    options = {"stream": "clicks", "region": "eu-west-1", "records_per_batch": "5", "tasks": "2"}
    reader = KinesisDataSource(options).streamReader(sentinel.schema)
    assert isinstance(pickle.loads(pickle.dumps(reader)), KinesisStreamReader)
