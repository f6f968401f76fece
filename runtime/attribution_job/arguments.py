"""The job's arguments, as Glue passes them (`--name value`), parsed once into a typed value."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

from runtime.attribution_job.join.rule import Join


@dataclass(frozen=True, kw_only=True)
class JobArguments:
    clicks_stream: str
    checkouts_stream: str
    region: str
    attribution_join: Join
    checkpoint: str
    database_secret: str | None
    trigger_interval: str
    records_per_batch: int


def parse_arguments(argv: Sequence[str]) -> JobArguments:
    """The arguments that are the job's own; Glue adds others (`--JOB_NAME`, …), which are left alone.

    Raises:
        SystemExit: one is missing or malformed; argparse has said which.
    """
    parser = argparse.ArgumentParser(
        prog="attribution_job",
        description="Credits each checkout to the first click of the same user within the hour before it.",
        allow_abbrev=False,
    )
    parser.add_argument("--clicks_stream", required=True, help="name of the Kinesis stream of clicks")
    parser.add_argument("--checkouts_stream", required=True, help="name of the Kinesis stream of checkouts")
    parser.add_argument("--region", required=True, help="AWS region of both streams")
    parser.add_argument(
        "--attribution_join",
        choices=get_args(Join),
        default="spark",
        help="what finds the click of a checkout: a join of the two streams, with its state in Spark, or a join of the"
        " tables, in the transaction of the batch (default: %(default)s)",
    )
    parser.add_argument(
        "--checkpoint",
        required=True,
        help="where the query of each join keeps its progress and state, in a folder of its own: s3://…, or a folder",
    )
    parser.add_argument(
        "--database_secret",
        help="Secrets Manager secret of the writer's login; without it the job connects to $DATABASE_URL",
    )
    parser.add_argument(
        "--trigger_interval", default="1 second", help="pause between micro-batches (default: %(default)s)"
    )
    parser.add_argument(
        "--records_per_batch",
        type=_positive,
        default=20_000,
        help="most records of a stream in a micro-batch, which bounds memory while catching up (default: %(default)s)",
    )
    known, _ = parser.parse_known_args(argv)
    return JobArguments(**vars(known))


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text}: expected a whole number of 1 or more")
    return int(text)
