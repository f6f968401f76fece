"""The loading of experiments, whose rows belong together."""

from typing import LiteralString

import psycopg
import pytest

from tests.local.load.conftest import Load
from tests.local.load.contents import EXAMPLES, rows

QUERY: LiteralString = (
    "select experiment_id, variant, is_control, expected_share::float, started_at::text, ended_at::text, metric,"
    " alpha::float, lift::float, tolerated_fall::float from experiments order by 1, 3 desc, 2"
)
HEADER = "experiment_id,variant,is_control,expected_share,started_at,ended_at,alpha\n"
START = "2026-03-01T09:00:00Z"


def test_an_experiment_is_loaded_with_the_defaults_of_empty_cells(database: psycopg.Connection, load: Load) -> None:
    database.execute("set timezone = 'UTC'")
    text = f"{HEADER}e,b,no,1,2026-03-01T10:00:00+01:00,,\ne,a,yes,3,{START},,\n"
    assert load("experiments", text) == (0, "experiments: 2 inserted, 0 updated, 0 deleted, 0 unchanged\n")
    rest = ("2026-03-01 09:00:00+00", None, "conversion_rate", 0.05, None, 0)
    assert rows(database, QUERY) == [("e", "a", True, 3, *rest), ("e", "b", False, 1, *rest)]


def test_a_file_replaces_the_variants_of_its_experiments_only(database: psycopg.Connection, load: Load) -> None:
    load("experiments", EXAMPLES["experiments"])
    load("experiments", f"{HEADER}e,a,1,1,{START},,\ne,b,0,1,{START},,\ne,c,0,1,{START},,\n")
    status, output = load("experiments", f"{HEADER}e,a,0,1,{START},,\ne,d,1,1,{START},,\n")
    assert (status, output) == (0, "experiments: 1 inserted, 1 updated, 2 deleted, 0 unchanged\n")
    names = [(experiment, variant, is_control) for experiment, variant, is_control, *_ in rows(database, QUERY)]
    assert names == [
        ("e", "d", True),
        ("e", "a", False),
        ("one-page-checkout", "control", True),
        ("one-page-checkout", "treatment", False),
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (f"e,a,1,1,{START},,\n", "line 2: experiment 'e': has one variant"),
        (f"e,a,0,1,{START},,\ne,b,0,1,{START},,\n", "line 2: experiment 'e': has no control"),
        (f"e,a,1,1,{START},,\ne,b,1,1,{START},,\n", "line 3: is_control: line 2 is the control of 'e' already"),
        (f"e,a,1,1,{START},,\ne,b,0,1,2026-03-02,,\n", "line 3: started_at: differs from line 2"),
        (f"e,a,1,1,{START},,\ne,b,0,1,{START},,0.1\n", "line 3: alpha: differs from line 2"),
        (f"e,a,1,1,{START},2026-03-01,\ne,b,0,1,{START},2026-03-01,\n", "is not after started_at"),
        (f"e,a,1,0,{START},,\ne,b,0,1,{START},,\n", "line 2: expected_share: '0': a share is above 0"),
        (f"e,a,1,1,{START},,1\ne,b,0,1,{START},,1\n", "line 2: alpha: '1': is not between 0 and 1"),
        ("e,a,1,1,2026-03-01T09:00:00,,\n", "line 2: started_at: '2026-03-01T09:00:00': has no zone"),
        ("e,a,1,1,1.3.2026,,\n", "line 2: started_at: '1.3.2026': write the time as"),
        (f"e,a,1,1,{START},,\ne,a,0,1,{START},,\n", "line 3: experiment_id e, variant a: is also on line 2"),
        (f"{'é' * 101},a,1,1,{START},,\n", "has more than 200 bytes"),
    ],
)
def test_experiments_that_cannot_be_compared_are_refused(
    database: psycopg.Connection, load: Load, text: str, problem: str
) -> None:
    status, output = load("experiments", HEADER + text)
    assert (status, rows(database, QUERY)) == (2, [])
    assert problem in output
