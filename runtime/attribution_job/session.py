"""The Spark session, and the settings that a checkpoint keeps for its life."""

import importlib

from pyspark.sql import SparkSession

# Parts of Hadoop that the job does not use. They have two thirds of the settings in Hadoop's configuration.
UNUSED_HADOOP_SETTINGS = ("yarn.", "mapreduce.")
ROCKSDB = "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider"


def create_session(shuffle_partitions: int = 2) -> SparkSession:
    """Returns Glue's session on Glue; elsewhere a new one with spark-submit's `--master`, or on all cores."""
    spark = _glue_session(SparkSession.builder.appName("attribution_job").getOrCreate())
    for name, value in streaming_settings(spark.version, shuffle_partitions).items():
        spark.conf.set(name, value)
    return spark


def _glue_session(spark: SparkSession) -> SparkSession:
    """Returns the session of a new GlueContext on Glue; elsewhere `spark`.

    Glue publishes its job metrics and observability metrics only for scripts with a GlueContext.
    """
    try:
        context = importlib.import_module("awsglue.context")
    except ModuleNotFoundError:
        return spark
    session: SparkSession = context.GlueContext(spark.sparkContext).spark_session
    return session


def drop_unused_hadoop_settings(spark: SparkSession) -> None:
    """Removes UNUSED_HADOOP_SETTINGS from Hadoop's configuration.

    Spark serializes the configuration with each copy of a plan that has a streaming join: eight times a batch.
    """
    configuration = spark.sparkContext._jsc.hadoopConfiguration()
    for prefix in UNUSED_HADOOP_SETTINGS:
        for name in configuration.getPropsWithPrefix(prefix).keySet().toArray():
            configuration.unset(prefix + name)


def streaming_settings(spark_version: str, shuffle_partitions: int) -> dict[str, str]:
    """Returns the settings of the streaming query, by name."""
    return {
        "spark.sql.session.timeZone": "UTC",
        # A checkpoint keeps this number for life; each partition of the state costs a commit a batch.
        "spark.sql.shuffle.partitions": str(shuffle_partitions),
        "spark.sql.streaming.stateStore.providerClass": ROCKSDB,
        "spark.sql.streaming.stateStore.rocksdb.changelogCheckpointing.enabled": "true",
        "spark.sql.streaming.join.stateFormatVersion": join_state_format(spark_version),
        # With the first state checkpoint format, checksums can refuse a restart after a kill.
        "spark.sql.streaming.checkpoint.fileChecksum.enabled": "false",
        # Expired state can wait for the next event: a batch without data would delay that event.
        "spark.sql.streaming.noDataMicroBatches.enabled": "false",
    }


def join_state_format(spark_version: str) -> str:
    """Returns the newest state format of the stream-stream join that the Spark version has.

    Version 4, from Spark 4.2 on, finds state by event time, without a scan. Version 3 keeps the four stores of a
    partition in one RocksDB, which commits one file a batch instead of four.
    """
    major, minor = (int(part) for part in spark_version.split(".")[:2])
    return "4" if (major, minor) >= (4, 2) else "3"
