"""The kinds of CSV files that people fill, with their columns and tables."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runtime.analytics.loading import cells


@dataclass(frozen=True)
class Column:
    """A column of a file and of its table. `read`: returns a cell's value, or raises ValueError with the remedy."""

    name: str
    read: Callable[[str], Any]
    is_optional: bool = False


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of file.

    Attributes:
        key: columns that identify a row.
        replaces_all: a file holds all rows of the table.
        complete_by: columns of the key; a file holds all rows of each of their values that it has.
    """

    name: str
    table: str
    columns: Sequence[Column]
    key: Sequence[str]
    replaces_all: bool = False
    complete_by: Sequence[str] = ()

    @property
    def names(self) -> list[str]:
        return [column.name for column in self.columns]

    @property
    def required(self) -> list[str]:
        return [column.name for column in self.columns if not column.is_optional]


SPEND = Kind(
    name="spend",
    table="ad_spend",
    columns=[
        Column("day", cells.read_day),
        Column("channel", cells.read_channel),
        Column("campaign", cells.read_text, is_optional=True),
        Column("amount", cells.read_amount),
        Column("currency", cells.read_currency),
    ],
    key=["day", "channel", "campaign", "currency"],
)
RATES = Kind(
    name="rates",
    table="exchange_rates",
    columns=[
        Column("day", cells.read_day),
        Column("currency", cells.read_currency),
        Column("rate", cells.read_rate),
    ],
    key=["day", "currency"],
)
RULES = Kind(
    name="rules",
    table="channel_rules",
    columns=[
        Column("priority", cells.read_priority),
        *(Column(name, cells.read_pattern, is_optional=True) for name in ("source", "medium", "campaign", "referrer")),
        Column("channel", cells.read_channel),
        Column("is_paid", cells.read_boolean),
    ],
    key=["priority"],
    replaces_all=True,
)
EXPERIMENTS = Kind(
    name="experiments",
    table="experiments",
    columns=[
        Column("experiment_id", cells.read_id),
        Column("variant", cells.read_id),
        Column("is_control", cells.read_boolean),
        Column("expected_share", cells.read_share),
        Column("started_at", cells.read_time),
        Column("ended_at", cells.read_end, is_optional=True),
        Column("metric", cells.read_metric, is_optional=True),
        Column("alpha", cells.read_alpha, is_optional=True),
        Column("lift", cells.read_lift, is_optional=True),
        Column("tolerated_fall", cells.read_fall, is_optional=True),
    ],
    key=["experiment_id", "variant"],
    complete_by=["experiment_id"],
)
KINDS: Mapping[str, Kind] = {kind.name: kind for kind in (SPEND, RATES, RULES, EXPERIMENTS)}

# Folder of a bucket, with a folder for each kind in it.
INPUTS_FOLDER = "inputs"
