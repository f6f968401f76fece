"""The command `paths`: what it prints, and what it says about files that it cannot use."""

import csv
import io
import re
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given

from runtime.analytics.__main__ import main
from runtime.analytics.models.credits import MODELS, credit
from runtime.analytics.models.path_totals import PathTotals
from runtime.analytics.paths import rows_of
from tests.runtime.analytics.models.generated import path_totals

HEADER = "path,conversions,value,nulls\n"


class Result(NamedTuple):
    status: int
    rows: list[list[str]]
    errors: str


Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command with a file of the given content."""

    def run(content: str | bytes, *arguments: str) -> Result:
        file = tmp_path / "paths.csv"
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        status = main(["paths", str(file), *arguments])
        output, errors = capsys.readouterr()
        return Result(status, list(csv.reader(io.StringIO(output))), errors.replace(str(file), "paths.csv"))

    return run


def test_every_model_is_printed_with_all_channels(run: Run) -> None:
    status, rows, errors = run(HEADER + "Social > Search,6,540.00,30\nSearch,4,300.00,16\n")
    assert (status, errors) == (0, "")
    assert rows[0] == ["model", "channel", "conversions", "value"]
    assert [row[:2] for row in rows[1:]] == [[model, channel] for model in MODELS for channel in ("Search", "Social")]
    assert rows[1:3] == [
        ["first_touch", "Search", "4.000000", "300.00"],
        ["first_touch", "Social", "6.000000", "540.00"],
    ]
    assert ["shapley", "Search", "7.000000", "570.00"] in rows


def test_the_example_of_the_documentation_prints_its_output(run: Run) -> None:
    document = (Path(__file__).parents[3] / "docs" / "analytics.md").read_text()
    example = document.split("```console\n$ cat paths.csv\n")[1].split("```")[0]
    content, command, output = re.split(r"^\$ (.*)\n", example, flags=re.MULTILINE)
    arguments = command.removeprefix("python -m runtime.analytics paths paths.csv ").split()
    assert run(content, *arguments).rows == list(csv.reader(output.splitlines()))


def test_the_known_answers_are_printed(run: Run) -> None:
    _, rows, _ = run(HEADER + "C1 > C2 > C3,1,100,0\nC1,0,0,1\nC2 > C3,0,,1\n", "--models", "markov,linear")
    assert rows[1:] == [
        ["linear", "C1", "0.333334", "33.34"],
        ["linear", "C2", "0.333333", "33.33"],
        ["linear", "C3", "0.333333", "33.33"],
        ["markov", "C1", "0.200000", "20.00"],
        ["markov", "C2", "0.400000", "40.00"],
        ["markov", "C3", "0.400000", "40.00"],
    ]


@given(paths=path_totals())
def test_printed_credits_add_up_to_the_totals_exactly(paths: list[PathTotals]) -> None:
    for model in MODELS:
        rows = list(rows_of(credit(paths, model), 2))
        assert sum((row[1] for row in rows), Decimal()) == sum(path.conversions for path in paths)
        assert sum((row[2] for row in rows), Decimal()) == sum(path.value for path in paths)


def test_value_and_nulls_are_optional_and_other_columns_are_left_out(run: Run) -> None:
    status, rows, _ = run("Conversions,Note,PATH\n3,x,a > b\n", "--models", "last_touch")
    assert (status, rows[1:]) == (0, [["last_touch", "a", "0.000000", "0.00"], ["last_touch", "b", "3.000000", "0.00"]])


def test_files_without_conversions_give_zeros(run: Run) -> None:
    status, rows, _ = run(HEADER + "a > b,0,0,5\n")
    assert status == 0
    assert len(rows) == 1 + 2 * len(MODELS)
    assert all(row[2:] == ["0.000000", "0.00"] for row in rows[1:])


def test_a_header_without_rows_gives_a_header(run: Run) -> None:
    assert run(HEADER) == (0, [["model", "channel", "conversions", "value"]], "")


def test_channel_names_may_have_any_characters(run: Run) -> None:
    _, rows, errors = run(HEADER + '"Ads, ""EU"" > a>b > =1+1 > 検索",1,0.01,\n', "--models", "linear")
    assert [row[1] for row in rows[1:]] == ["=1+1", 'Ads, "EU"', "a>b", "検索"]
    assert not errors


def test_a_file_that_cannot_be_used_prints_nothing_and_names_the_line(run: Run) -> None:
    status, rows, errors = run(HEADER + "a > b,-2,1,1\n")
    assert (status, rows) == (2, [])
    assert errors.startswith("python -m runtime.analytics paths: paths.csv: line 2: conversions: '-2': is negative")


def test_values_in_yen_have_no_decimals(run: Run) -> None:
    content = HEADER + "a > b > c,1,100,0\n"
    _, rows, _ = run(content, "--digits", "0", "--models", "linear")
    assert [row[3] for row in rows[1:]] == ["34", "33", "33"]


def test_the_order_of_the_chain_is_an_option(run: Run) -> None:
    content = HEADER + "a > b,8,0,2\nc > b,0,0,10\n"
    _, rows, _ = run(content, "--models", "markov", "--order", "2")
    assert rows[1:] == [
        ["markov", "a", "4.000000", "0.00"],
        ["markov", "b", "4.000000", "0.00"],
        ["markov", "c", "0.000000", "0.00"],
    ]


def test_a_sampled_model_reports_its_standard_error(run: Run) -> None:
    content = HEADER + "".join(f"c{number} > c{number + 1},2,1,3\n" for number in range(15))
    status, rows, errors = run(content, "--models", "shapley_markov")
    assert (status, len(rows)) == (0, 17)
    assert "samples 2,000 orders of joining, because 16 channels are more than 15; standard error" in errors


def test_another_separator_is_noticed(run: Run) -> None:
    status, _, errors = run(HEADER + "a>b,1,1,1\nb,1,1,1\n")
    assert status == 0
    assert errors == 'note: every path is read as one channel; channels are separated by " > ", with the spaces\n'


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--models", "lineal"], "unknown model 'lineal'; the models are first_touch, "),
        (["--models", "time_decay"], "unknown model 'time_decay'"),
        (["--models", ","], "no model"),
        (["--order", "0"], "'0' is not a whole number from 1 to 10"),
        (["--order", "two"], "'two' is not a whole number"),
        (["--digits", "9"], "'9' is not a whole number from 0 to 4"),
    ],
)
def test_options_that_cannot_be_used_name_the_choices(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["paths", "paths.csv", *arguments])
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(("name", "message"), [("missing.csv", "No such file or directory"), (".", "Is a directory")])
def test_files_that_cannot_be_read_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, message: str
) -> None:
    assert main(["paths", str(tmp_path / name)]) == 2
    assert message in capsys.readouterr().err


def test_standard_input_is_read_and_a_closed_pipe_is_no_error() -> None:
    command = f"{sys.executable} -m runtime.analytics paths - --models linear"
    content = HEADER + "".join(f"channel {number} > b,1,2,3\n" for number in range(20_000))
    script = f"set -o pipefail; {command} | head -n 2"
    result = subprocess.run(["bash", "-c", script], input=content, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == "model,channel,conversions,value\nlinear,b,10000.000000,20000.00\n"
