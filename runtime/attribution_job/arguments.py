"""The job's arguments, as Glue passes them (`--name value`), parsed once into a typed value."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

from runtime.attribution_job.events.mapping import built_in_names
from runtime.attribution_job.join.rule import Join
from runtime.attribution_job.sources import connector
from runtime.attribution_job.sources.streams import Reader


@dataclass(frozen=True, kw_only=True)
class JobArguments:
    clicks_stream: str
    checkouts_stream: str
    region: str
    kinesis_reader: Reader
    attribution_join: Join
    checkpoint: str
    database_secret: str | None
    trigger_interval: str
    records_per_batch: int
    shuffle_partitions: int
    writers: int = 1
    event_mapping: str | None = None

    @property
    def trigger(self) -> str:
        """The interval between micro-batches; the connector's batches set their own."""
        return connector.TRIGGER_INTERVAL if self.kinesis_reader == "connector" else self.trigger_interval


def parse_arguments(argv: Sequence[str]) -> JobArguments:
    """Returns the job's own arguments; others, which Glue adds (`--JOB_NAME`, …), are ignored.

    Raises:
        SystemExit: an argument is missing or malformed; argparse has printed its name.
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
        "--kinesis_reader",
        choices=get_args(Reader),
        default="driver",
        help="our own reader of the streams, on the driver, or Glue's connector, whose batches take ten seconds or more"
        " (default: %(default)s)",
    )
    parser.add_argument(
        "--attribution_join",
        choices=get_args(Join),
        default="spark",
        help="where a checkout finds its click: in a join of the two streams, with state in Spark, or in a join of the"
        " tables, in the transaction of the micro-batch (default: %(default)s)",
    )
    parser.add_argument(
        "--checkpoint",
        required=True,
        help="s3:// URL or path of a folder; the query of each join keeps its progress and state in a folder below",
    )
    parser.add_argument(
        "--database_secret",
        help="Secrets Manager secret with the writer's login; without it the job connects to $DATABASE_URL",
    )
    parser.add_argument(
        "--trigger_interval",
        default="1 second",
        help="shortest time from one micro-batch's start to the next one's (default: %(default)s)",
    )
    parser.add_argument(
        "--records_per_batch",
        type=_positive,
        default=20_000,
        help="most records of a stream in a micro-batch, which bounds memory while catching up (default: %(default)s)",
    )
    parser.add_argument(
        "--shuffle_partitions",
        type=_positive,
        default=2,
        help="partitions of the join's state, fixed for the life of a checkpoint (default: %(default)s)",
    )
    parser.add_argument(
        "--writers",
        type=_positive,
        default=1,
        help="sessions of PostgreSQL that write a micro-batch at once, each the rows of some users in a transaction of"
        " its own: one for each vCPU of the database (default: %(default)s)",
    )
    parser.add_argument(
        "--event_mapping",
        help=f"mapping that turns foreign events into ours: its name ({', '.join(built_in_names())}), or the path of a"
        " TOML file; needs --attribution_join postgres; see docs/event-mappings.md (default: our own events)",
    )
    known, _ = parser.parse_known_args(argv)
    if known.event_mapping is not None and known.attribution_join != "postgres":
        parser.error("argument --event_mapping: event_mapping needs attribution_join postgres")
    return JobArguments(**vars(known))


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text}: expected a whole number of 1 or more")
    return int(text)
