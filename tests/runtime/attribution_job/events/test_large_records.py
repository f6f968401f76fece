from pathlib import Path

import psycopg
from pyspark.sql import SparkSession
from pyspark.sql.types import StructType

from local.servers.postgres import Server
from runtime.attribution_job import job
from runtime.attribution_job.sources.kinesis import KinesisDataSource, KinesisStreamReader
from tests.runtime.attribution_job.conftest import open_sink
from tests.runtime.attribution_job.sources.fake_kinesis import FakeKinesis
from tests.runtime.attribution_job.test_checkpoints import arguments_for

# https://docs.aws.amazon.com/streams/latest/dev/large-records.html
LARGEST = 10 * 1024 * 1024


def large_record() -> FakeKinesis:
    """A shard with the largest record that Kinesis takes, and one behind it."""
    kinesis = FakeKinesis(shards=1)
    kinesis.put(b"x" * LARGEST)
    kinesis.put(b"behind it")
    return kinesis


class LargeRecord(KinesisDataSource):
    @classmethod
    def name(cls) -> str:
        return "large-record"

    def simpleStreamReader(self, schema: StructType) -> KinesisStreamReader:  # noqa: N802
        return KinesisStreamReader(large_record, self.options["stream"], 100)  # type: ignore[arg-type]


def test_the_largest_record_that_kinesis_takes_is_kept_as_a_dead_letter(
    spark: SparkSession, postgres: Server, database: str, migrated: psycopg.Connection, tmp_path: Path
) -> None:
    spark.dataSource.register(LargeRecord)
    clicks, checkouts = (
        spark.readStream.format("large-record").option("stream", name).load() for name in ("clicks", "checkouts")
    )
    sink = open_sink(postgres.url(database, "pipeline_writer"), "postgres")
    query = job.start(clicks, checkouts, arguments_for(tmp_path, "postgres"), sink)
    try:
        query.processAllAvailable()
    finally:
        query.stop()
        sink.close()
    letters = migrated.execute(
        "select stream_name, reason, length(data), data = convert_to(repeat('x', %s), 'UTF8') from dead_letters"
        " order by 1, 3",
        [LARGEST],
    ).fetchall()
    assert letters == [
        (stream, *rest)
        for stream in ("checkouts", "clicks")
        for rest in (("not JSON", 9, False), ("oversized: more than 1 MiB", LARGEST, True))
    ]
