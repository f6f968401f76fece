"""The arguments of every run of the attribution job."""

from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_secretsmanager as secretsmanager

from stacks.config import Config


def job_arguments(
    config: Config,
    *,
    region: str,
    clicks: kinesis.Stream,
    checkouts: kinesis.Stream,
    checkpoint: str,
    writer_login: secretsmanager.Secret,
) -> dict[str, str]:
    """Returns Glue's arguments, and those of runtime/attribution_job/arguments.py."""
    return {
        "--custom-logGroup-prefix": config.log_group_name("attribution-job"),
        # Glue takes several Spark settings in one value, with ` --conf ` between them.
        "--conf": " --conf ".join(f"{name}={value}" for name, value in s3_settings(region).items()),
        "--clicks_stream": clicks.stream_name,
        "--checkouts_stream": checkouts.stream_name,
        "--region": region,
        "--kinesis_reader": config.kinesis_reader,
        "--attribution_join": config.attribution_join,
        **({"--event_mapping": config.event_mapping} if config.event_mapping else {}),
        "--checkpoint": checkpoint,
        "--database_secret": writer_login.secret_arn,
        "--trigger_interval": f"{round(1000 * config.trigger_seconds)} milliseconds",
        "--records_per_batch": str(config.records_per_batch),
        "--shuffle_partitions": str(config.shuffle_partitions),
        "--writers": str(config.writers),
    }


def s3_settings(region: str) -> dict[str, str]:
    """Returns Spark's settings of S3A, the file system of `s3://` URLs on Glue 6."""
    return {
        # Without a region, S3A asks a global endpoint, which a network without a route to the internet does not reach.
        "spark.hadoop.fs.s3a.endpoint.region": region,
        # Spark writes the checkpoint's logs through FileContext, which finds file systems by these settings alone.
        "spark.hadoop.fs.AbstractFileSystem.s3.impl": "org.apache.hadoop.fs.s3a.S3A",
    }
