"""The attribution job: arguments → sources → events → join → sink."""

import logging

from pyspark.sql import DataFrame
from pyspark.sql.streaming.query import StreamingQuery

from runtime.attribution_job import checkpoints
from runtime.attribution_job.arguments import JobArguments
from runtime.attribution_job.frames import attribute, collect, stage_joined, stage_pages
from runtime.attribution_job.progress import ProgressLog
from runtime.attribution_job.session import drop_unused_hadoop_settings
from runtime.attribution_job.sink.postgres import PostgresSink, oldest_arrival

log = logging.getLogger(__name__)


def start(
    click_pages: DataFrame, checkout_pages: DataFrame, arguments: JobArguments, sink: PostgresSink
) -> StreamingQuery:
    """Starts the one query that reads both streams (rows of `sources.read_stream`) and writes every table."""
    progress = ProgressLog([arguments.clicks_stream, arguments.checkouts_stream])
    click_pages.sparkSession.streams.addListener(progress)
    if arguments.attribution_join == "spark":
        drop_unused_hadoop_settings(click_pages.sparkSession)
    prepare, stage = (attribute, stage_joined) if arguments.attribution_join == "spark" else (collect, stage_pages)

    def write_batch(batch: DataFrame, batch_id: int) -> None:
        rows = stage(batch)
        query_id = batch.sparkSession.sparkContext.getLocalProperty("sql.streaming.queryId")
        counts = sink.write(rows, query_id=str(query_id), batch_id=batch_id)
        progress.written(batch_id, counts, oldest_arrival(rows))

    return (
        prepare(click_pages, checkout_pages)
        .writeStream.foreachBatch(write_batch)
        .option("checkpointLocation", checkpoints.folder(arguments))
        .trigger(processingTime=arguments.trigger)
        .start()
    )
