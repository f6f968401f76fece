"""The definition of the dashboard and of the analysis that it was published from, in the form of QuickSight's API."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from stacks.quicksight import channels, journeys, live
from stacks.quicksight.filters import control_ids, controls, filter_groups
from stacks.quicksight.page import Page
from stacks.quicksight.visuals import COLUMNS, Visual

PAGES = (live.PAGE, channels.PAGE, journeys.PAGE)
DATASETS = tuple(dataset for page in PAGES for dataset in page.datasets)


def definition(arns: Mapping[str, str]) -> dict[str, Any]:
    """Returns the pages as one definition. `arns` are those of DATASETS, by name.

    https://docs.aws.amazon.com/quicksight/latest/APIReference/API_DashboardVersionDefinition.html
    """
    return {
        "DataSetIdentifierDeclarations": [
            {"Identifier": dataset.name, "DataSetArn": arns[dataset.name]} for dataset in DATASETS
        ],
        "Sheets": [_sheet(page) for page in PAGES],
        "CalculatedFields": [
            {"DataSetIdentifier": ratio.dataset, "Name": ratio.name, "Expression": ratio.expression}
            for page in PAGES
            for ratio in page.ratios
        ],
        "FilterGroups": [group for page in PAGES for group in filter_groups(page)],
    }


def _sheet(page: Page) -> dict[str, Any]:
    sheet: dict[str, Any] = {
        "SheetId": page.sheet_id,
        "Name": page.name,
        "ContentType": "INTERACTIVE",
        "Visuals": [visual.body for visual in page.visuals],
        "Layouts": [
            {
                "Configuration": {
                    "GridLayout": {
                        "Elements": list(_elements(page.visuals)),
                        "CanvasSizeOptions": {"ScreenCanvasSizeOptions": {"ResizeOption": "RESPONSIVE"}},
                    }
                }
            }
        ],
    }
    if page_controls := controls(page):
        elements = [
            {"ElementId": control_id, "ElementType": "FILTER_CONTROL", "ColumnSpan": 2, "RowSpan": 1}
            for control_id in control_ids(page)
        ]
        sheet["FilterControls"] = page_controls
        sheet["SheetControlLayouts"] = [{"Configuration": {"GridLayout": {"Elements": elements}}}]
    return sheet


def _elements(visuals: Sequence[Visual]) -> Iterator[dict[str, Any]]:
    """Yields the places of visuals, row by row. A visual that does not fit into a row begins the next one."""
    row = column = row_height = 0
    for visual in visuals:
        if column + visual.width > COLUMNS:
            row, column, row_height = row + row_height, 0, 0
        yield {
            "ElementId": visual.visual_id,
            "ElementType": "VISUAL",
            "ColumnIndex": column,
            "ColumnSpan": visual.width,
            "RowIndex": row,
            "RowSpan": visual.height,
        }
        column, row_height = column + visual.width, max(row_height, visual.height)
