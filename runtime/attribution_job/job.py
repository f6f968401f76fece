"""The attribution job: arguments → sources → events → join → sink."""

import functools
import logging

from pyspark.sql import DataFrame
from pyspark.sql.streaming.query import StreamingQuery

from runtime.attribution_job import checkpoints
from runtime.attribution_job.arguments import JobArguments
from runtime.attribution_job.events.mapping import load_mapping
from runtime.attribution_job.frames import attribute, collect, stage_parsed, stage_records
from runtime.attribution_job.progress import ProgressLog
from runtime.attribution_job.session import drop_unused_hadoop_settings
from runtime.attribution_job.sink.postgres import PostgresSink, oldest_arrival

log = logging.getLogger(__name__)


def start(
    click_records: DataFrame, checkout_records: DataFrame, arguments: JobArguments, sink: PostgresSink
) -> StreamingQuery:
    """Starts the one query that reads both streams (rows of `sources.read_stream`) and writes every table."""
    progress = ProgressLog([arguments.clicks_stream, arguments.checkouts_stream])
    click_records.sparkSession.streams.addListener(progress)
    if arguments.attribution_join == "spark":
        drop_unused_hadoop_settings(click_records.sparkSession)
    mapping = load_mapping(arguments.event_mapping) if arguments.event_mapping else None
    stage_mapped = functools.partial(stage_records, mapping=mapping)
    prepare, stage = (attribute, stage_parsed) if arguments.attribution_join == "spark" else (collect, stage_mapped)

    def write_batch(batch: DataFrame, batch_id: int) -> None:
        rows = stage(batch)
        query_id = batch.sparkSession.sparkContext.getLocalProperty("sql.streaming.queryId")
        counts = sink.write(rows, query_id=str(query_id), batch_id=batch_id)
        progress.written(batch_id, counts, oldest_arrival(rows))

    return (
        prepare(click_records, checkout_records)
        .writeStream.foreachBatch(write_batch)
        .option("checkpointLocation", checkpoints.folder(arguments))
        .trigger(processingTime=arguments.trigger)
        .start()
    )
