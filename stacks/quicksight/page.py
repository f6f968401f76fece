"""The form of a page of the dashboard."""

from collections.abc import Sequence
from dataclasses import dataclass

from stacks.quicksight.datasets import Dataset
from stacks.quicksight.visuals import Visual


@dataclass(frozen=True)
class Ratio:
    """A ratio of sums over a dataset, empty where the divisor is zero."""

    dataset: str
    name: str
    dividend: str
    divisor: str

    @property
    def expression(self) -> str:
        """The ratio in QuickSight's language of calculated fields."""
        return f"ifelse(sum({{{self.divisor}}}) = 0, NULL, sum({{{self.dividend}}}) / sum({{{self.divisor}}}))"


@dataclass(frozen=True)
class Choice:
    """A control that selects one value of a column, for some visuals of the page."""

    filter_id: str
    title: str
    dataset: str
    column: str
    default: str
    visuals: tuple[str, ...]


@dataclass(frozen=True)
class Page:
    """A sheet. With `days`, a control selects how many days back all of its figures reach, by their column `day`."""

    sheet_id: str
    name: str
    datasets: Sequence[Dataset]
    ratios: Sequence[Ratio]
    visuals: Sequence[Visual]
    choices: Sequence[Choice] = ()
    days: int | None = None
