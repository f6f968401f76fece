"""The checkpoint of a query: its folder, and the errors by which Spark says that it cannot read it."""

import re

from runtime.attribution_job.arguments import JobArguments
from runtime.attribution_job.failures import UnreadableCheckpointError
from runtime.attribution_job.join.rule import Join
from runtime.attribution_job.sources import connector

# Raised by one with every change of a checkpoint's content: the sources, the stateful operators, or their state.
QUERY_VERSIONS: dict[Join, int] = {"spark": 4, "postgres": 3}
# Spark 4.1's messages about files that are cut short, empty, missing or of another query. The second alternative is a
# message of the JSON parser that reads Spark's logs; it does not name the file.
SIGNS = re.compile(
    r"Failed to read log file .*"
    r"|.*(?=\n at \[Source: )"
    r"|.*sources in the checkpoint offsets.*"
    r"|\[(?:CANNOT_LOAD_STATE_STORE|STATE_STORE_\w+_NOT_COMPATIBLE|STATE_STORE_CHECKPOINT_LOCATION_NOT_EMPTY"
    r"|STDS_FAILED_TO_READ_OPERATOR_METADATA|CONCURRENT_STREAM_LOG_UPDATE)\b.*"
)
SIGN_CHARACTERS = 300
# The search takes time by the square of a line's length, and Spark's own messages are shorter.
MESSAGE_CHARACTERS = 10_000


def folder(arguments: JobArguments) -> str:
    """Returns the checkpoint's folder: one for each plan and reader, because a checkpoint fits one of each.

    After a change of the join, the reader or the version, the query continues from that folder's progress, or from the
    oldest record of the streams. The merge is idempotent, so records that are read again change no row.
    """
    join, reader = arguments.attribution_join, arguments.kinesis_reader
    suffix = "" if reader == "driver" else f"-{reader}"
    return f"{arguments.checkpoint}/{join}{suffix}/v{QUERY_VERSIONS[join]}"


def unreadable(error: Exception, folder: str) -> UnreadableCheckpointError | None:
    """Returns the checkpoint error that ended a query; null if another error did."""
    # The query's plan follows the message, and can contain any text.
    message = str(error).partition("=== Streaming Query ===")[0][:MESSAGE_CHARACTERS]
    sign = SIGNS.search(message) or connector.UNREADABLE.search(message)
    if sign is None:
        return None
    return UnreadableCheckpointError(f"Spark cannot read the checkpoint {folder}: {sign[0][:SIGN_CHARACTERS]}")
