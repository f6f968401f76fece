"""A reader of CloudWatch metrics of the deployed environment."""

from datetime import UTC, datetime, timedelta

import boto3


def count(namespace: str, metric: str, dimension: str, value: str) -> float:
    """Returns the sum of a metric over the last day."""
    now = datetime.now(UTC)
    points = boto3.client("cloudwatch").get_metric_statistics(
        Namespace=namespace,
        MetricName=metric,
        Dimensions=[{"Name": dimension, "Value": value}],
        StartTime=now - timedelta(days=1),
        EndTime=now + timedelta(minutes=1),
        Period=60,
        Statistics=["Sum"],
    )["Datapoints"]
    return sum(point["Sum"] for point in points)
