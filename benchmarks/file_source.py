"""Event files as a Spark data source that takes the way of the job's Kinesis streams.

Spark's own source of text files makes a row of each line. That costs more than all of the job's parsing.
"""

from pathlib import Path

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.datasource import DataSource
from pyspark.sql.types import StructType

from runtime.attribution_job.events.schemas import PAGE
from runtime.attribution_job.sources.late_reader import LateReader

FORMAT = "event-files"


def read_files(spark: SparkSession, folder: Path, files_per_batch: int) -> DataFrame:
    """Returns the events of the files in `folder`, clicks/ or checkouts/, as pages: one or more for each file."""
    spark.dataSource.register(EventFiles)
    source = spark.readStream.format(FORMAT).option("folder", str(folder))
    return source.option("files_per_batch", str(files_per_batch)).load()


class EventFiles(DataSource):
    """Options: `folder`, `files_per_batch`."""

    @classmethod
    def name(cls) -> str:
        return FORMAT

    def schema(self) -> str:
        """Returns the columns of the rows."""
        return PAGE

    def simpleStreamReader(self, schema: StructType) -> LateReader:  # noqa: ARG002, N802
        """Returns the folder's reader."""
        return LateReader("benchmarks.file_reader", self.options)
