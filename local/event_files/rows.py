"""The entries of an event file, whatever its format."""

from typing import NamedTuple

from local.errors import InputError
from runtime.data_generator.publishing import MAX_RECORD_BYTES

# A record of Kinesis holds no more, and no event may be longer.
MAX_BYTES = MAX_RECORD_BYTES
OVERSIZED = "oversized: more than 1 MiB"


class Row(NamedTuple):
    """A line of JSON Lines, an element of a JSON array, or a row of a table.

    `line`: number of the line on which it starts, from 1; in Parquet, the number of the row.
    `place`: number of earlier rows that start on the same line.
    `data`: bytes that become a record, as a rule a JSON object; empty for a blank line; null for an unreadable row.
    `reason`: why the row is unreadable; null for all other rows.
    `end`: offset of its end in the decompressed file, as a measure of progress.
    """

    line: int
    place: int
    data: bytes | None
    reason: str | None
    end: int

    @property
    def is_blank(self) -> bool:
        return self.data is not None and not self.data.strip()


class BrokenFileError(InputError):
    """The rest of a file cannot be read, such as the end of a cut gzip file. Rows before it may have been read."""
