"""Where a query keeps its progress and state, and how to tell that Spark cannot read them."""

import re

from runtime.attribution_job.arguments import JobArguments
from runtime.attribution_job.failures import UnreadableCheckpointError

# One more with every change of what a checkpoint keeps: the streams, the stateful operators, what these store.
QUERY_VERSION = 1
# What Spark 4.1 says of files that are cut short, empty, missing or of another query. The second line is of the JSON
# parser that reads Spark's logs, and does not name the file.
SIGNS = re.compile(
    r"Failed to read log file .*"
    r"|.*(?=\n at \[Source: )"
    r"|.*sources in the checkpoint offsets.*"
    r"|\[(?:CANNOT_LOAD_STATE_STORE|STATE_STORE_\w+_NOT_COMPATIBLE|STATE_STORE_CHECKPOINT_LOCATION_NOT_EMPTY"
    r"|STDS_FAILED_TO_READ_OPERATOR_METADATA|CONCURRENT_STREAM_LOG_UPDATE)\b.*"
)
SIGN_CHARACTERS = 300


def folder(arguments: JobArguments) -> str:
    """One for each query, because a checkpoint fits one plan.

    Whoever changes the join or the version starts where that query last was, or at the streams' oldest record, and the
    merge makes the same tables of what it sees again.
    """
    return f"{arguments.checkpoint}/{arguments.attribution_join}/v{QUERY_VERSION}"


def unreadable(error: Exception, folder: str) -> UnreadableCheckpointError | None:
    """What ended a query, if it was its checkpoint."""
    # The query's plan follows, in which anything can stand.
    sign = SIGNS.search(str(error).partition("=== Streaming Query ===")[0])
    if sign is None:
        return None
    return UnreadableCheckpointError(f"Spark cannot read the checkpoint {folder}: {sign[0][:SIGN_CHARACTERS]}")
