"""Filters and their controls: https://docs.aws.amazon.com/quicksight/latest/APIReference/API_FilterGroup.html"""

from typing import Any

from stacks.quicksight.page import Choice, Page


def filter_groups(page: Page) -> list[dict[str, Any]]:
    """Returns the filters of a page."""
    groups = [_choice(page, choice) for choice in page.choices]
    return [_days(page, page.days), *groups] if page.days else groups


def controls(page: Page) -> list[dict[str, Any]]:
    """Returns the controls of a page's filters, in the order of the filters."""
    choices = [
        {
            "Dropdown": {
                "FilterControlId": f"{choice.filter_id}-control",
                "Title": choice.title,
                "SourceFilterId": choice.filter_id,
                "Type": "SINGLE_SELECT",
            }
        }
        for choice in page.choices
    ]
    days = {
        "RelativeDateTime": {
            "FilterControlId": f"{_days_id(page)}-control",
            "Title": "Days",
            "SourceFilterId": _days_id(page),
        }
    }
    return [days, *choices] if page.days else choices


def control_ids(page: Page) -> list[str]:
    return [str(body["FilterControlId"]) for control in controls(page) for body in control.values()]


def _days(page: Page, days: int) -> dict[str, Any]:
    """Keeps the last days, in every dataset of the page: QuickSight finds the columns `day` by their name."""
    return {
        "FilterGroupId": f"{_days_id(page)}-group",
        "Filters": [
            {
                "RelativeDatesFilter": {
                    "FilterId": _days_id(page),
                    "Column": {"DataSetIdentifier": page.datasets[0].name, "ColumnName": "day"},
                    "AnchorDateConfiguration": {"AnchorOption": "NOW"},
                    "MinimumGranularity": "DAY",
                    "TimeGranularity": "DAY",
                    "RelativeDateType": "LAST",
                    "RelativeDateValue": days,
                    "NullOption": "NON_NULLS_ONLY",
                }
            }
        ],
        "ScopeConfiguration": _scope({"SheetId": page.sheet_id, "Scope": "ALL_VISUALS"}),
        "Status": "ENABLED",
        "CrossDataset": "ALL_DATASETS",
    }


def _choice(page: Page, choice: Choice) -> dict[str, Any]:
    """Keeps the rows with the default value, until somebody selects another one."""
    return {
        "FilterGroupId": f"{choice.filter_id}-group",
        "Filters": [
            {
                "CategoryFilter": {
                    "FilterId": choice.filter_id,
                    "Column": {"DataSetIdentifier": choice.dataset, "ColumnName": choice.column},
                    "Configuration": {
                        "FilterListConfiguration": {
                            "MatchOperator": "CONTAINS",
                            "CategoryValues": [choice.default],
                            "NullOption": "NON_NULLS_ONLY",
                        }
                    },
                }
            }
        ],
        "ScopeConfiguration": _scope(
            {"SheetId": page.sheet_id, "Scope": "SELECTED_VISUALS", "VisualIds": list(choice.visuals)}
        ),
        "Status": "ENABLED",
        "CrossDataset": "SINGLE_DATASET",
    }


def _scope(sheet: dict[str, Any]) -> dict[str, Any]:
    return {"SelectedSheets": {"SheetVisualScopingConfigurations": [sheet]}}


def _days_id(page: Page) -> str:
    return f"{page.sheet_id}-days"
