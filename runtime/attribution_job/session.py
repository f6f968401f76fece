"""The Spark session, and the settings that a checkpoint keeps for its life."""

from pyspark.sql import SparkSession

ROCKSDB = "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider"


def create_session() -> SparkSession:
    """Glue's own session where there is one; elsewhere `--master` of spark-submit, or all cores."""
    spark = SparkSession.builder.appName("attribution_job").getOrCreate()
    for name, value in streaming_settings(spark.version).items():
        spark.conf.set(name, value)
    return spark


def streaming_settings(spark_version: str) -> dict[str, str]:
    return {
        "spark.sql.session.timeZone": "UTC",
        # Pruned, an event would differ between its two uses, and be parsed once for each.
        "spark.sql.optimizer.nestedSchemaPruning.enabled": "false",
        "spark.sql.optimizer.expression.nestedPruning.enabled": "false",
        # A checkpoint keeps the number of partitions of its state for life; each costs a commit a batch.
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.streaming.stateStore.providerClass": ROCKSDB,
        "spark.sql.streaming.stateStore.rocksdb.changelogCheckpointing.enabled": "true",
        "spark.sql.streaming.join.stateFormatVersion": join_state_format(spark_version),
        # With the first state checkpoint format, checksums can refuse a restart after a kill.
        "spark.sql.streaming.checkpoint.fileChecksum.enabled": "false",
        # State that the watermark frees can wait for the next event; an extra batch would delay that event.
        "spark.sql.streaming.noDataMicroBatches.enabled": "false",
    }


def join_state_format(spark_version: str) -> str:
    """Version 4, from Spark 4.2 on, finds state by event time; before that every batch scans all of it.

    Version 3 keeps the join's four stores of a partition in one RocksDB, which commits one file a batch, not four.
    """
    major, minor = (int(part) for part in spark_version.split(".")[:2])
    return "4" if (major, minor) >= (4, 2) else "3"
