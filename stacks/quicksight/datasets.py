"""The form of a dataset: a query, and its columns with their types and definitions."""

from collections.abc import Mapping
from dataclasses import dataclass
from textwrap import dedent
from typing import Any, Literal

from stacks.quicksight.comments import column_comments

# The types of QuickSight that the datasets use. A date is a DATETIME.
Kind = Literal["STRING", "INTEGER", "DECIMAL", "DATETIME"]


@dataclass(frozen=True)
class Column:
    """A column of a dataset. `definition` is shown in the field list of an analysis."""

    name: str
    kind: Kind
    definition: str


@dataclass(frozen=True)
class Dataset:
    """A query that QuickSight sends to the database whenever a visual is shown."""

    name: str
    query: str
    columns: tuple[Column, ...]

    @property
    def sql(self) -> str:
        """The query as QuickSight stores it: QuickSight puts it into parentheses, so it ends without a semicolon."""
        return dedent(self.query).strip()


def described(table: str, **kinds: Kind) -> tuple[Column, ...]:
    """Returns columns of a table or view, with the definitions from the database's comments.

    Raises:
        KeyError: a column has no comment in the migrations.
    """
    comments = column_comments()
    return tuple(Column(name, kind, comments[f"{table}.{name}"]) for name, kind in kinds.items())


def defined(kind: Kind, definitions: Mapping[str, str]) -> tuple[Column, ...]:
    """Returns columns of one type that no table of the database has, with their own definitions."""
    return tuple(Column(name, kind, definition) for name, definition in definitions.items())


def tables(dataset: Dataset, data_source_arn: str) -> dict[str, Any]:
    """Returns the query and the definitions of its columns as properties of a dataset in QuickSight's API.

    A definition is a tag of a column in the logical table. AWS has a successor of logical tables, which adds kinds of
    transformations that are not needed here.
    """
    definitions = [
        {
            "TagColumnOperation": {
                "ColumnName": column.name,
                "Tags": [{"ColumnDescription": {"Text": column.definition}}],
            }
        }
        for column in dataset.columns
    ]
    query = {
        "DataSourceArn": data_source_arn,
        "Name": dataset.name,
        "SqlQuery": dataset.sql,
        "Columns": [{"Name": column.name, "Type": column.kind} for column in dataset.columns],
    }
    source = {"PhysicalTableId": dataset.name}
    return {
        "PhysicalTableMap": {dataset.name: {"CustomSql": query}},
        "LogicalTableMap": {dataset.name: {"Alias": dataset.name, "Source": source, "DataTransforms": definitions}},
    }
