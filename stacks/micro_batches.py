"""The cost of a micro-batch of the job: requests to S3 for the checkpoint, and a line of the log.

The requests for a file are those of Hadoop 3.4's S3A behind Spark's FileContext, according to their source code. They
have not been counted on AWS. The files of each minute's RocksDB snapshots are left out: they are few.
"""

from stacks import prices
from stacks.config import Config

# Spark writes each file under a temporary name and renames it, which S3A does by a copy. Before each step, it looks for
# the file, its target and their folder.
PUTS_AND_COPIES = 2
LISTS = 6
HEADS = 7
LOG_LINE_BYTES = 1_200


def batches_per_hour(trigger_seconds: float) -> float:
    """Returns the micro-batches of an hour in which events always arrive."""
    return 3600 / trigger_seconds


def checkpoint_files(config: Config) -> int:
    """Returns the files that a micro-batch adds to the checkpoint.

    They are the offsets, the commit, and the changes of each partition of the join's state.
    """
    return 2 + (config.shuffle_partitions if config.attribution_join == "spark" else 0)


def batch_cost(config: Config) -> float:
    """Returns the dollars that a micro-batch costs."""
    file_cost = ((PUTS_AND_COPIES + LISTS) * prices.S3_WRITE_1000 + HEADS * prices.S3_READ_1000) / 1000
    return checkpoint_files(config) * file_cost + LOG_LINE_BYTES / 1e9 * prices.LOGS_GB
