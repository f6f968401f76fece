"""Visuals in the form of QuickSight's API: https://docs.aws.amazon.com/quicksight/latest/APIReference/API_Visual.html"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

COLUMNS = 36  # of the grid of a sheet


@dataclass(frozen=True)
class Visual:
    """A visual, and its size in cells of the sheet's grid."""

    visual_id: str
    body: dict[str, Any]
    width: int
    height: int


@dataclass(frozen=True)
class Measure:
    """A figure of a dataset: the sum of a column, or a calculated field, shown as a number or as a percentage."""

    name: str
    form: Literal["sum", "ratio", "share"] = "sum"


@dataclass(frozen=True)
class Chart:
    """Common parts of a visual: an id that is unique on all pages, a title, its dataset, and its size."""

    visual_id: str
    title: str
    dataset: str
    width: int
    height: int = 9

    def number(self, measure: Measure, subtitle: str) -> Visual:
        """Shows one figure."""
        return self._visual(
            "KPIVisual",
            {"FieldWells": {"Values": [self._measure(measure)]}},
            Subtitle={"Visibility": "VISIBLE", "FormatText": {"PlainText": subtitle}},
        )

    def lines(self, time: str, measures: Sequence[Measure], color: str | None = None) -> Visual:
        """Shows figures by minute, one line for each figure or for each value of `color`."""
        time_id = self._field_id(time)
        wells = {
            "Category": [
                {
                    "DateDimensionField": {
                        "FieldId": time_id,
                        "Column": self._column(time),
                        "DateGranularity": "MINUTE",
                        "HierarchyId": time_id,
                    }
                }
            ],
            "Values": [self._measure(measure) for measure in measures],
            "Colors": [self._category(color)] if color else [],
        }
        return self._visual(
            "LineChartVisual",
            {"FieldWells": {"LineChartAggregatedFieldWells": wells}, "Type": "LINE"},
            # In exports of QuickSight, every date that is drilled into has a hierarchy.
            ColumnHierarchies=[{"DateTimeHierarchy": {"HierarchyId": time_id}}],
        )

    def bars(
        self, category: str, measures: Sequence[Measure], *, color: str | None = None, order: str | None = None
    ) -> Visual:
        """Shows figures side by side, sorted by the first of them, or upwards by the column `order`."""
        by_size = {"FieldSort": {"FieldId": self._field_id(measures[0].name), "Direction": "DESC"}}
        by_order = {
            "ColumnSort": {
                "SortBy": self._column(order or category),
                "Direction": "ASC",
                "AggregationFunction": {"NumericalAggregationFunction": {"SimpleNumericalAggregation": "MIN"}},
            }
        }
        wells = {
            "Category": [self._category(category)],
            "Values": [self._measure(measure) for measure in measures],
            "Colors": [self._category(color)] if color else [],
        }
        return self._visual(
            "BarChartVisual",
            {
                "FieldWells": {"BarChartAggregatedFieldWells": wells},
                "SortConfiguration": {"CategorySort": [by_order if order else by_size]},
                "Orientation": "VERTICAL",
                "BarsArrangement": "CLUSTERED",
            },
        )

    def table(self, groups: Sequence[str], measures: Sequence[Measure], sort: str) -> Visual:
        """Shows figures by groups, the largest values of the figure `sort` first."""
        wells = {
            "GroupBy": [self._category(group) for group in groups],
            "Values": [self._measure(measure) for measure in measures],
        }
        order = {"FieldSort": {"FieldId": self._field_id(sort), "Direction": "DESC"}}
        return self._visual(
            "TableVisual",
            {"FieldWells": {"TableAggregatedFieldWells": wells}, "SortConfiguration": {"RowSort": [order]}},
        )

    def flow(self, source: str, destination: str, weight: Measure) -> Visual:
        """Shows a Sankey diagram."""
        wells = {
            "Source": [self._category(source)],
            "Destination": [self._category(destination)],
            "Weight": [self._measure(weight)],
        }
        order = {"FieldSort": {"FieldId": self._field_id(weight.name), "Direction": "DESC"}}
        return self._visual(
            "SankeyDiagramVisual",
            {
                "FieldWells": {"SankeyDiagramAggregatedFieldWells": wells},
                "SortConfiguration": {"WeightSort": [order]},
            },
        )

    def _visual(self, kind: str, chart: dict[str, Any], **more: Any) -> Visual:
        title = {"Visibility": "VISIBLE", "FormatText": {"PlainText": self.title}}
        body = {"VisualId": self.visual_id, "Title": title, "ChartConfiguration": chart}
        # Screen readers speak the alternative text.
        return Visual(
            self.visual_id, {kind: body | {"VisualContentAltText": self.title} | more}, self.width, self.height
        )

    def _measure(self, measure: Measure) -> dict[str, Any]:
        field: dict[str, Any] = {"FieldId": self._field_id(measure.name), "Column": self._column(measure.name)}
        if measure.form == "sum":
            # A calculated field that aggregates must not be aggregated again.
            field["AggregationFunction"] = {"SimpleNumericalAggregation": "SUM"}
        else:
            form, places = ("Percentage", 1) if measure.form == "share" else ("Number", 2)
            decimals = {"DecimalPlacesConfiguration": {"DecimalPlaces": places}}
            field["FormatConfiguration"] = {"FormatConfiguration": {f"{form}DisplayFormatConfiguration": decimals}}
        return {"NumericalMeasureField": field}

    def _category(self, name: str) -> dict[str, Any]:
        return {"CategoricalDimensionField": {"FieldId": self._field_id(name), "Column": self._column(name)}}

    def _column(self, name: str) -> dict[str, str]:
        return {"DataSetIdentifier": self.dataset, "ColumnName": name}

    def _field_id(self, name: str) -> str:
        return f"{self.visual_id}.{name}"
