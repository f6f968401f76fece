"""The parts of a panel."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from psycopg import sql

from runtime.dashboard.panels.filters import Filters

Unit = Literal["text", "count", "money", "share", "ratio", "seconds", "ms", "day", "timestamp"]
CREDITS = frozenset({"days", "channel", "device", "currency", "segment", "look_back"})
LABELS = {
    "roas": "ROAS",
    "cpa": "CPA",
    "cac": "CAC",
    "aov": "AOV",
    "ltv": "LTV",
    "last_non_direct": "Last non-direct",
    "shapley_markov": "Shapley-Markov",
}


@dataclass(frozen=True)
class Column:
    """A column of a panel. `source`: the column of a view whose comment is the definition, as view.column."""

    name: str
    unit: Unit
    source: str

    @property
    def label(self) -> str:
        return label_of(self.name)


@dataclass(frozen=True)
class Schema:
    """Tables and views of the database, with the definitions of their columns.

    `comments`: the comment of a column, by view.column. `relations`: columns with their types, of each table and view
    that the page may read.
    """

    comments: Mapping[str, str]
    relations: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Empty:
    """Text of a panel without rows: a title, and how to fill the panel."""

    title: str
    how: str


@dataclass(frozen=True, kw_only=True)
class Panel:
    """A panel: its columns, its query, and the filters that it follows.

    `columns`: also a function of the schema, for views whose columns are not known here. `note`: what the numbers do
    not know, given the filters. `is_compared`: the period before has a meaning for the rows.
    """

    columns: Sequence[Column] | Callable[[Schema, Filters], Sequence[Column]]
    query: Callable[[Filters, Schema], sql.Composable]
    follows: Collection[str]
    empty: Empty
    needs: Sequence[str] = field(default=())
    note: Callable[[Filters], str | None] = lambda _: None
    is_compared: bool = False


def label_of(name: str) -> str:
    """Returns the heading of a column: its name in words."""
    return LABELS.get(name) or name.replace("_", " ").capitalize()
