"""A Kinesis stream as a Spark data source."""

from pyspark.sql.datasource import DataSource, SimpleDataSourceStreamReader
from pyspark.sql.types import StructType

from runtime.attribution_job.events.schemas import PAGE
from runtime.attribution_job.sources.late_reader import LateReader

FORMAT = "kinesis-boto3"


class KinesisDataSource(DataSource):
    """Options: `stream`, `region`, `records_per_batch`, the `kind` of the stream's events, `event_mapping`.

    The endpoint is boto3's: $AWS_ENDPOINT_URL_KINESIS.
    """

    @classmethod
    def name(cls) -> str:
        return FORMAT

    def schema(self) -> str:
        """Returns the columns of the rows."""
        return PAGE

    def simpleStreamReader(self, schema: StructType) -> SimpleDataSourceStreamReader:  # noqa: ARG002, N802
        """Returns the stream's reader."""
        return LateReader("runtime.attribution_job.sources.kinesis", self.options)
