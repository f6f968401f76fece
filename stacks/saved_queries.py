"""The saved Logs Insights queries of the job's log."""

from aws_cdk import aws_logs as logs
from constructs import Construct

from stacks.config import Config

QUERIES = {
    "promises": """
        filter message = "batch"
        | stats max(put_to_row_seconds) as freshness, max(watermark_lag_seconds) as watermark_lag, sum(late) as late,
            sum(dead_letters) as dead_letters, 100 * (1 - sum(credits) / sum(checkouts)) as unattributed by bin(5m)
    """,
    "most-lagging-batches": """
        fields @timestamp, batch_id, consumer_lag_ms, @message
        | filter message = "batch"
        | sort consumer_lag_ms desc
        | limit 50
    """,
    "slowest-batches": """
        fields @timestamp, batch_id, batch_ms, clicks, checkouts, state_rows
        | filter message = "batch"
        | sort batch_ms desc
        | limit 50
    """,
    "errors": """
        fields @timestamp, @logStream, message, exception
        | filter level in ["WARNING", "ERROR"]
        | sort @timestamp desc
        | limit 100
    """,
}


def save_queries(scope: Construct, *, config: Config, job_output: logs.LogGroup) -> None:
    """Saves QUERIES for the job's log group."""
    for name, query in QUERIES.items():
        logs.CfnQueryDefinition(
            scope,
            f"Query {name}",
            name=f"{config.name('job')}/{name}",
            log_group_names=[job_output.log_group_name],
            query_string=" ".join(query.split()),
        )
