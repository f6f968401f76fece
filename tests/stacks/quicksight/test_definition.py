"""Agreement within the definition: fields, filters and places refer to what exists."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from stacks.quicksight.channels import MODELS
from stacks.quicksight.datasets import Dataset
from stacks.quicksight.definition import DATASETS, PAGES, definition
from stacks.quicksight.page import Page
from stacks.quicksight.visuals import COLUMNS

DEFINITION = definition({dataset.name: f"arn:{dataset.name}" for dataset in DATASETS})
BY_NAME = {dataset.name: dataset for dataset in DATASETS}
KINDS = {
    "CategoricalDimensionField": {"STRING"},
    "DateDimensionField": {"DATETIME"},
    "NumericalMeasureField": {"INTEGER", "DECIMAL"},
}


def parts(value: Any, name: str) -> Iterator[Any]:
    """Yields every value below the key `name`."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == name:
                yield inner
            yield from parts(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from parts(inner, name)


def kind_of(dataset: Dataset, column: str) -> str:
    """Returns the type of a column or of a calculated field of the dataset."""
    kinds: dict[str, str] = {existing.name: existing.kind for existing in dataset.columns}
    ratios = [ratio.name for page in PAGES for ratio in page.ratios if ratio.dataset == dataset.name]
    return (kinds | dict.fromkeys(ratios, "DECIMAL"))[column]


def test_every_field_is_a_column_of_a_fitting_type() -> None:
    for field, kinds in KINDS.items():
        found = list(parts(DEFINITION, field))
        assert found
        for body in found:
            column = body["Column"]
            assert kind_of(BY_NAME[column["DataSetIdentifier"]], column["ColumnName"]) in kinds, body["FieldId"]


def test_calculated_fields_are_not_summed_and_columns_are() -> None:
    ratios = {ratio.name for page in PAGES for ratio in page.ratios}
    for field in parts(DEFINITION, "NumericalMeasureField"):
        assert ("AggregationFunction" in field) is (field["Column"]["ColumnName"] not in ratios)


def test_calculated_fields_use_columns_of_their_dataset() -> None:
    for page in PAGES:
        for ratio in page.ratios:
            names = set(re.findall(r"{(\w+)}", ratio.expression))
            assert names == {ratio.dividend, ratio.divisor}
            assert {kind_of(BY_NAME[ratio.dataset], name) for name in names} <= {"INTEGER", "DECIMAL"}


def test_the_ids_of_visuals_and_their_fields_are_unique() -> None:
    for name in ("VisualId", "FilterId", "FilterGroupId", "FilterControlId"):
        assert [key for key, count in Counter(parts(DEFINITION, name)).items() if count > 1] == []
    for sheet in DEFINITION["Sheets"]:
        for visual in sheet["Visuals"]:
            wells = list(parts(visual, "FieldWells"))
            assert [field for field, count in Counter(parts(wells, "FieldId")).items() if count > 1] == []


def test_sort_orders_name_fields_of_their_visual() -> None:
    for sheet in DEFINITION["Sheets"]:
        for visual in sheet["Visuals"]:
            fields = set(parts(list(parts(visual, "FieldWells")), "FieldId"))
            assert {sort["FieldId"] for sort in parts(visual, "FieldSort")} <= fields
            for sort in parts(visual, "ColumnSort"):
                column = sort["SortBy"]
                assert kind_of(BY_NAME[column["DataSetIdentifier"]], column["ColumnName"]) == "INTEGER"


def test_a_visual_shows_one_dataset() -> None:
    for sheet in DEFINITION["Sheets"]:
        for visual in sheet["Visuals"]:
            assert len(set(parts(visual, "DataSetIdentifier"))) == 1


def test_a_chart_with_colours_has_one_figure() -> None:
    """QuickSight draws either several figures or one figure in several colours."""
    for wells in ("LineChartAggregatedFieldWells", "BarChartAggregatedFieldWells"):
        for body in parts(DEFINITION, wells):
            assert not body["Colors"] or len(body["Values"]) == 1


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.sheet_id)
def test_every_visual_has_a_place_of_its_own(page: Page) -> None:
    (sheet,) = (sheet for sheet in DEFINITION["Sheets"] if sheet["SheetId"] == page.sheet_id)
    elements = sheet["Layouts"][0]["Configuration"]["GridLayout"]["Elements"]
    assert [element["ElementId"] for element in elements] == [visual.visual_id for visual in page.visuals]
    cells = Counter(
        (row, column)
        for element in elements
        for row in range(element["RowIndex"], element["RowIndex"] + element["RowSpan"])
        for column in range(element["ColumnIndex"], element["ColumnIndex"] + element["ColumnSpan"])
    )
    assert set(cells.values()) == {1}
    assert max(column for _, column in cells) < COLUMNS


def test_filters_reach_existing_visuals_and_have_a_control_on_their_page() -> None:
    for group in DEFINITION["FilterGroups"]:
        (scope,) = parts(group, "SheetVisualScopingConfigurations")
        (sheet,) = (sheet for sheet in DEFINITION["Sheets"] if sheet["SheetId"] == scope[0]["SheetId"])
        assert set(scope[0].get("VisualIds", [])) <= set(parts(sheet["Visuals"], "VisualId"))
        (filter_id,) = parts(group, "FilterId")
        assert filter_id in parts(sheet["FilterControls"], "SourceFilterId")
        controls = sheet["SheetControlLayouts"][0]["Configuration"]["GridLayout"]["Elements"]
        assert {element["ElementId"] for element in controls} == set(parts(sheet["FilterControls"], "FilterControlId"))


def test_a_choice_of_days_reaches_every_dataset_of_its_page() -> None:
    for page in PAGES:
        if page.days:
            assert all(kind_of(dataset, "day") == "DATETIME" for dataset in page.datasets)


def test_spend_is_never_added_up_over_models() -> None:
    spend = {
        visual["VisualId"]
        for sheet in DEFINITION["Sheets"]
        for body in sheet["Visuals"]
        for visual in body.values()
        if {"spend", "ROAS", "CPA", "CAC"} & set(parts(visual, "ColumnName"))
    }
    (by_model,) = (group for group in DEFINITION["FilterGroups"] if "model" in parts(group, "ColumnName"))
    (scope,) = parts(by_model, "SheetVisualScopingConfigurations")
    assert spend == set(scope[0]["VisualIds"])
    (values,) = parts(by_model, "CategoryValues")
    assert len(values) == 1
    assert values[0] in MODELS


def test_no_dataset_has_data_of_a_person() -> None:
    for dataset in DATASETS:
        for column in dataset.columns:
            assert not re.search(r"user|session|click_id|checkout_id|referrer|page_url", column.name)


def test_every_column_has_a_definition_that_quicksight_can_store() -> None:
    for dataset in DATASETS:
        for column in dataset.columns:
            assert 0 < len(column.definition) <= 500, f"{dataset.name}.{column.name}"
