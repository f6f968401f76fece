"""Checks of the deployed analytics: the models hold every checkout, and files are loaded or refused."""

from decimal import Decimal
from typing import Any

import boto3
import psycopg

from local.cloud.environment import database_url
from stacks.config import DEV
from tests.waiting import wait_until

# Checkouts of raw_checkouts that are no test orders, and of checkout_paths, that the other table does not have.
DIFFERENCES = """
select count(*) filter (where p.checkout_id is null), count(*) filter (where k.checkout_id is null)
  from (select checkout_id from raw_checkouts where not test) k
  full join checkout_paths p using (checkout_id)
"""
CONVERSIONS = "select model, sum(conversions) from channel_performance group by 1"
# Weights have finitely many digits.
TOLERANCE = Decimal("1e-6")


def check_models(connection: psycopg.Connection) -> None:
    """Asserts that every checkout has a path, and that every model divides exactly these checkouts."""
    ((missing, excess),) = connection.execute(DIFFERENCES).fetchall()
    assert (missing, excess) == (0, 0)
    ((checkouts,),) = connection.execute("select count(*) from checkout_paths").fetchall()
    assert checkouts > 0
    conversions: dict[str, Decimal] = dict(connection.execute(CONVERSIONS).fetchall())
    assert len(conversions) == 10
    assert {model: total for model, total in conversions.items() if abs(total - checkouts) > TOLERANCE} == {}


def check_files_in_the_bucket_are_loaded_or_refused() -> None:
    """Uploads a file with a problem and one without. Only the latter changes the table; the former is logged."""
    s3, logs = boto3.client("s3"), boto3.client("logs")
    outputs = boto3.client("cloudformation").describe_stacks(StackName=DEV.name("Analytics"))["Stacks"][0]["Outputs"]
    (bucket,) = (output["OutputValue"] for output in outputs if output["OutputKey"] == "InputsBucket")
    wrong = "day,channel,campaign,amount,currency\n2026-03-01,Paid Search,spring,-1,EUR\n"
    s3.put_object(Bucket=bucket, Key="inputs/spend/wrong.csv", Body=wrong)
    group = f"/aws/lambda/{DEV.name('analytics')}"

    def refusals() -> list[Any]:
        lines = [event["message"] for event in logs.filter_log_events(logGroupName=group)["events"]]
        return [line for line in lines if '"refused the file"' in line]

    wait_until(refusals, "the refusal of the file with a problem", 60)
    assert "inputs/spend/wrong.csv" in refusals()[0]
    s3.put_object(Bucket=bucket, Key="inputs/spend/2026-03.csv", Body=wrong.replace("-1", "12.50"))
    with psycopg.connect(database_url(), autocommit=True) as connection:
        spend = "select channel, campaign, amount::text from ad_spend"
        wait_until(lambda: connection.execute(spend).fetchall(), "the spend of the other file", 60)
        assert connection.execute(spend).fetchall() == [("Paid Search", "spring", "12.5000")]
    assert len(refusals()) == 1
