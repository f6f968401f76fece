"""The emulator has no QuickSight, so botocore's model of its API checks every request that CloudFormation will send."""

import copy
from collections import Counter
from typing import Any

import pytest

from stacks.quicksight.definition import DATASETS
from tests.stacks.quicksight.service_model import problems

Requests = list[tuple[str, dict[str, Any]]]


def of(requests: Requests, operation: str) -> dict[str, Any]:
    """Returns a copy of the parameters of the only request of an operation."""
    (parameters,) = (parameters for name, parameters in requests if name == operation)
    return copy.deepcopy(parameters)


def test_every_request_fits_the_model_of_the_api(requests: Requests) -> None:
    assert Counter(operation for operation, _ in requests) == {
        "CreateVPCConnection": 1,
        "CreateDataSource": 1,
        "CreateDataSet": len(DATASETS),
        "CreateAnalysis": 1,
        "CreateDashboard": 1,
    }
    for operation, parameters in requests:
        assert problems("quicksight", operation, parameters) == []


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        (("Sheets", 0, "ContentType"), "INTERACTIV", "ContentType is INTERACTIV, expected one of"),
        (("Sheets", 0, "SheetId"), "live page", "does not match"),
        (("Sheets", 0, "Titel"), "Live", 'Unknown parameter in Definition.Sheets[0]: "Titel"'),
        (("Sheets", 0, "Name"), "n" * 2049, "Name is 2049, at most 2048"),
        (("CalculatedFields", 0, "Name"), "", "Invalid length for parameter Definition.CalculatedFields[0].Name"),
    ],
)
def test_a_wrong_definition_does_not_fit(
    requests: Requests, path: tuple[str | int, ...], value: str, problem: str
) -> None:
    parameters = of(requests, "CreateDashboard")
    part: Any = parameters["Definition"]
    for name in path[:-1]:
        part = part[name]
    part[path[-1]] = value
    (found,) = problems("quicksight", "CreateDashboard", parameters)
    assert problem in found


def test_a_missing_parameter_does_not_fit(requests: Requests) -> None:
    parameters = of(requests, "CreateDataSource")
    del parameters["DataSourceParameters"]["PostgreSqlParameters"]["Host"]
    assert "Host" in problems("quicksight", "CreateDataSource", parameters)[0]


def test_the_dashboard_shows_what_the_analysis_shows(requests: Requests) -> None:
    dashboard, analysis = of(requests, "CreateDashboard"), of(requests, "CreateAnalysis")
    assert dashboard["Definition"] == analysis["Definition"]


def test_the_definition_names_the_datasets_of_the_stack(requests: Requests) -> None:
    declared = of(requests, "CreateDashboard")["Definition"]["DataSetIdentifierDeclarations"]
    arns = [declaration["DataSetArn"] for declaration in declared]
    assert len(set(arns)) == len(DATASETS)
    assert all(arn.startswith("arn:aws:quicksight:us-east-1:000000000000:dataset/") for arn in arns)
