import pickle
import subprocess
import sys
import time

import pytest
from pyspark.sql.types import StructType

from runtime.attribution_job.events.pages import unpack
from runtime.attribution_job.sources import kinesis as kinesis_module
from runtime.attribution_job.sources.data_source import KinesisDataSource
from tests.runtime.attribution_job.sources.fake_kinesis import FakeKinesis
from tests.runtime.attribution_job.sources.reading import as_json, readers

OPTIONS = {"stream": "clicks", "region": "us-east-1", "records_per_batch": "1", "kind": "click"}
UNPACK_A_READER = """
import pickle, sys
from pyspark.sql.datasource import SimpleDataSourceStreamReader
assert isinstance(pickle.load(sys.stdin.buffer), SimpleDataSourceStreamReader)
imported = {"boto3", "runtime.attribution_job.events.pages"} & set(sys.modules)
assert not imported, imported
"""


def test_a_process_that_only_plans_a_query_imports_neither_boto3_nor_the_parser() -> None:
    reader = KinesisDataSource(OPTIONS).simpleStreamReader(StructType())
    subprocess.run([sys.executable, "-c", UNPACK_A_READER], input=pickle.dumps(reader), check=True, timeout=60)


def test_the_options_name_the_stream_and_the_size_of_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    kinesis = FakeKinesis(shards=1)
    for data in (b"first", b"second"):
        kinesis.put(data)
    regions: list[str] = []

    def connect(region: str) -> FakeKinesis:
        regions.append(region)
        return kinesis

    monkeypatch.setattr(kinesis_module, "_connect", connect)
    reader = KinesisDataSource(OPTIONS).simpleStreamReader(StructType())
    readers.append(reader._reader)  # type: ignore[attr-defined]
    start = reader.initialOffset()
    deadline = time.monotonic() + 30
    while not (read := reader.read(start))[1]:
        assert time.monotonic() < deadline, "no record came"
    again = reader.readBetweenOffsets(start, as_json(read[1]))
    for batches in (read[0], again):
        (letters,) = [unpack(batch).dead_letter for batch in batches]
        assert letters["data"].to_pylist() == ["\\x" + b"first".hex()]
        assert letters["stream_name"].to_pylist() == ["clicks"]
    assert regions == ["us-east-1"]
