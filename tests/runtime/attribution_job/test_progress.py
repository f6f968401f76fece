import json
import logging
import time
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NoReturn

import pytest
from pyspark.sql import SparkSession
from pyspark.sql.streaming.listener import StreamingQueryProgress

from runtime.attribution_job.progress import JsonFormatter, ProgressLog, consumer_lag, watermark_lag
from runtime.attribution_job.session import join_state_format
from runtime.attribution_job.sink.counts import Added, BatchCounts
from runtime.attribution_job.sink.postgres import worth_retrying

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
COUNTS = BatchCounts(
    **{field.name: 0 for field in fields(Added)}, records=7, ignored=0, duplicates=0, unknown_fields=0, watermark=NOON
)


def test_the_consumer_lag_is_that_of_each_open_shard() -> None:
    clicks = {
        "shard-0": {"after": "1", "ended": True, "behind_ms": 9},
        "shard-1": {"after": "2", "ended": False, "behind_ms": 1500},
        "from an earlier version": {"after": "3", "ended": False},
    }
    checkouts = {"shard-0": {"after": "1", "ended": False, "behind_ms": 0}}
    sources = [{"endOffset": clicks}, {"endOffset": checkouts}]
    assert consumer_lag(["clicks", "checkouts"], sources) == {"clicks/shard-1": 1500, "checkouts/shard-0": 0}


def test_glue_s_connector_reports_no_consumer_lag() -> None:
    sources: list[dict[str, object]] = [
        {"endOffset": {"metadata": {"streamName": "clicks", "batchId": "7"}}},
        {"endOffset": "text"},
    ]
    assert consumer_lag(["clicks", "checkouts"], sources) == {}


def test_the_watermark_lag_is_the_time_from_the_watermark_to_now() -> None:
    assert (
        watermark_lag(NOON - timedelta(minutes=5, milliseconds=500), NOON)
        == timedelta(minutes=5, milliseconds=500).total_seconds()
    )


def test_there_is_no_watermark_lag_before_both_streams_have_an_event() -> None:
    assert watermark_lag(datetime(1970, 1, 1, tzinfo=UTC), NOON) is None


def test_a_batch_is_logged_as_spark_measured_it_from_one_text(
    spark: SparkSession, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def convert(_: object) -> NoReturn:
        raise AssertionError("PySpark's conversion of a progress takes longer than a small batch")

    (tmp_path / "lines").mkdir()
    (tmp_path / "lines" / "0").write_text("a\n")
    caplog.set_level(logging.INFO)
    progress = ProgressLog(["lines"])
    spark.streams.addListener(progress)
    with monkeypatch.context() as patches:
        patches.setattr(StreamingQueryProgress, "fromJObject", convert)
        query = (
            spark.readStream.text(str(tmp_path / "lines"))
            .writeStream.foreachBatch(lambda _, batch_id: progress.written(batch_id, COUNTS, None))
            .trigger(availableNow=True)
            .start()
        )
        query.awaitTermination()
        deadline = time.monotonic() + 10
        while not (batches := [vars(record) for record in caplog.records if record.message == "batch"]):
            assert time.monotonic() < deadline
            time.sleep(0.05)
    spark.streams.removeListener(progress)
    (batch,) = batches
    measured = query.lastProgress
    assert measured is not None
    assert batch["query_id"] == query.id
    assert (batch["batch_id"], batch["batch_ms"]) == (measured["batchId"], measured["batchDuration"])
    assert batch["phases_ms"] == measured["durationMs"]
    assert (batch["records"], batch["state_rows"], batch["dropped_by_join"]) == (COUNTS.records, 0, 0)


def test_a_log_line_is_one_json_object_with_extras_and_exception() -> None:
    try:
        raise ValueError("line\nbreak")
    except ValueError as error:
        exc_info = (type(error), error, error.__traceback__)
    record = logging.LogRecord("job", logging.ERROR, __file__, 1, "batch %s", ("7",), exc_info)
    record.batch_id = 7
    text = JsonFormatter().format(record)
    line = json.loads(text)
    assert "\n" not in text
    assert (line["message"], line["level"], line["batch_id"]) == ("batch 7", "ERROR", 7)
    assert "ValueError: line\nbreak" in line["exception"]


@pytest.mark.parametrize(("version", "state_format"), [("4.1.1", "3"), ("4.2.0", "4"), ("4.10.0", "4"), ("5.0.0", "4")])
def test_join_state_format_4_is_used_from_spark_4_2_on(version: str, state_format: str) -> None:
    assert join_state_format(version) == state_format


def test_a_mistake_in_the_data_is_not_worth_retrying() -> None:
    assert not worth_retrying(ValueError("no"))
