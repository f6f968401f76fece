"""Records of the largest size that Kinesis accepts."""

from pathlib import Path

import psycopg
from pyspark.sql import SparkSession
from pyspark.sql.types import StructType

from local.servers.postgres import Server
from runtime.attribution_job import job
from runtime.attribution_job.sources.data_source import KinesisDataSource
from runtime.attribution_job.sources.kinesis import KinesisStreamReader, parse_with
from tests.runtime.attribution_job.conftest import open_sink
from tests.runtime.attribution_job.runs import arguments_for
from tests.runtime.attribution_job.sources.fake_kinesis import FakeKinesis
from tests.waiting import wait_until

# https://docs.aws.amazon.com/streams/latest/dev/large-records.html
LARGEST_RECORD_BYTES = 10 * 1024 * 1024
START, END = '{"page_url": "', '"}'
TEXT_BYTES = LARGEST_RECORD_BYTES - len(START) - len(END)


def large_record() -> FakeKinesis:
    """Returns a shard with the largest record that Kinesis accepts, and a small record after it."""
    kinesis = FakeKinesis(shards=1)
    kinesis.put((START + "x" * TEXT_BYTES + END).encode())
    kinesis.put(b"not JSON")
    return kinesis


class LargeRecord(KinesisDataSource):
    @classmethod
    def name(cls) -> str:
        return "large-record"

    def simpleStreamReader(self, schema: StructType) -> KinesisStreamReader:  # noqa: N802
        return KinesisStreamReader(large_record, self.options["stream"], 100, parse_with(self.options))  # type: ignore[arg-type]


def test_the_largest_kinesis_record_becomes_a_dead_letter(
    spark: SparkSession, postgres: Server, database: str, migrated: psycopg.Connection, tmp_path: Path
) -> None:
    spark.dataSource.register(LargeRecord)
    clicks, checkouts = (
        spark.readStream.format("large-record").option("stream", f"{kind}s").option("kind", kind).load()
        for kind in ("click", "checkout")
    )
    sink = open_sink(postgres.url(database, "pipeline_writer"), "postgres")
    query = job.start(clicks, checkouts, arguments_for(tmp_path, "postgres"), sink)
    stored = "select count(*) from dead_letters"
    try:
        # The reader fills its buffer in the background, so `processAllAvailable` could return too early.
        wait_until(lambda: not query.isActive or migrated.execute(stored).fetchone() == (4,), "the dead letters")
    finally:
        query.stop()
        sink.close()
    letters = migrated.execute(
        "select stream_name, reason, length(data), data = convert_to(%s || repeat('x', %s) || %s, 'UTF8')"
        " from dead_letters order by 1, 3",
        [START, TEXT_BYTES, END],
    ).fetchall()
    assert letters == [
        (stream, *letter)
        for stream in ("checkouts", "clicks")
        for letter in (("not JSON", 8, False), ("oversized: more than 1 MiB", LARGEST_RECORD_BYTES, True))
    ]
