"""The command `experiment`: what it prints, and what it says about files that it cannot use."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from runtime.analytics.__main__ import main
from runtime.analytics.experiments.files import MAX_USERS

RATES = "variant,users,conversions\n"
SUMS = "variant,users,conversions,sum,sum_of_squares\n"
FILE = SUMS + "control,10000,1000,50000.00,3500000.00\ntreatment,10050,1105,55900.00,3950000.00\n"


class Result(NamedTuple):
    status: int
    output: dict[str, Any]
    errors: str


Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command with a file of the given content."""

    def run(content: str | bytes, *arguments: str) -> Result:
        file = tmp_path / "experiment.csv"
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        status = main(["experiment", str(file), *arguments])
        output, errors = capsys.readouterr()
        return Result(status, json.loads(output or "{}"), errors.replace(str(file), "experiment.csv"))

    return run


def test_the_printed_names(run: Run) -> None:
    status, output, errors = run(FILE)
    assert (status, errors) == (0, "")
    assert list(output) == [
        "valid", "notes", "alpha", "alpha_per_comparison", "srm_p_value", "srm_sequential_p_value", "comparisons",
        "variants",
    ]  # fmt: skip
    rate, revenue = output["comparisons"]
    assert rate.keys() == revenue.keys() >= {"lift", "p_value", "ci", "ci_always_valid", "minimum_detectable_lift"}
    assert [row["conversion_rate"] for row in output["variants"]] == [0.1, pytest.approx(0.109950, abs=1e-6)]
    assert [row["revenue_per_user"] for row in output["variants"]] == [5.0, pytest.approx(5.562189, abs=1e-6)]


def test_files_without_sums_have_rates_only(run: Run) -> None:
    _, output, _ = run(RATES + "a,83,5\nb,99,12\n")
    (comparison,) = output["comparisons"]
    assert comparison["p_value"] == pytest.approx(0.159, abs=0.0005)
    assert output["variants"][0]["revenue_per_user"] is None


def test_the_known_answer_from_sums(run: Run) -> None:
    def row(name: str, users: int, mean: float, deviation: float) -> str:
        squares = (users - 1) * deviation**2 + users * mean**2
        return f"{name},{users},100,{users * mean:.10f},{squares:.10f}\n"

    _, output, _ = run(SUMS + row("a", 3407, 0.41, 3.9) + row("b", 3461, 0.70, 6.2))
    revenue = output["comparisons"][1]
    assert revenue["p_value"] == pytest.approx(0.02016, abs=5e-6)
    assert revenue["difference_ci"] == pytest.approx([0.04538, 0.53462], abs=5e-6)


def test_a_mismatch_is_printed_twice(run: Run) -> None:
    status, output, errors = run(RATES + "a,821588,40000\nb,815482,41000\n", "--shares", "50:50")
    assert (status, output["valid"]) == (0, False)
    assert output["srm_p_value"] == pytest.approx(1.82e-6, abs=5e-9)
    assert errors.startswith("note: invalid: sample ratio mismatch")


def test_shares_alpha_lift_and_days_are_used(run: Run) -> None:
    content = RATES + "a,5000,500\nb,2500,260\nc,2500,270\n"
    _, output, _ = run(content, "--shares", "50:25:25", "--alpha", "0.1", "--lift", "0.05", "--days", "7")
    assert output["srm_p_value"] == 1
    assert output["alpha_per_comparison"] == 0.05
    assert output["comparisons"][0]["days_left"] > 7
    assert run(content).output["valid"] is False
    assert run(content).output["comparisons"][0]["users_needed"] is None


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + FILE.encode(),
        FILE.replace("\n", "\r\n").encode(),
        FILE.replace(",", ";").encode(),
        FILE.replace(",", "\t").encode("utf-16"),
        FILE.replace("50000.00", "5e4").replace("10000", "10000.0").encode(),
        b"\n".join(b",".join(line.split(b",")[::-1]) for line in FILE.encode().splitlines()),
        "\n".join(line + ",x" for line in FILE.splitlines()).replace("squares,x", "squares,note").encode(),
    ],
    ids=["mark", "CRLF", "semicolons", "UTF-16", "floats", "other order", "more columns"],
)
def test_forms_that_programs_write_are_read(run: Run, content: bytes) -> None:
    assert run(content).output == run(FILE).output


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "no header; the first line names the columns: variant,users,conversions,sum,sum_of_squares"),
        ("variant,users\na,1\n", "the header has no column conversions, only variant, users"),
        ("variant,users,conversions,users\na,1,1,1\n", "the header has the column users more than once"),
        (RATES, "no variant; an experiment has a control, in the first row, and at least one other variant"),
        (RATES + "a,10,1\n", "one variant; an experiment has"),
        (RATES + "a,0,0\nb,0,0\n", "no variant has users"),
        (RATES + "a,10,1\na,10,2\n", "line 3: variant: 'a': occurs above; add its rows up"),
        (RATES + ",10,1\nb,10,2\n", "line 2: variant: is empty"),
        (RATES + "a,10,11\nb,10,2\n", "line 2: conversions: '11': more than the 10 users; count users who converted"),
        (RATES + "a,-10,1\nb,10,2\n", "line 2: users: '-10': is negative"),
        (RATES + "a,10.5,1\nb,10,2\n", "line 2: users: '10.5': is not a whole number"),
        (RATES + "a,nan,1\nb,10,2\n", "line 2: users: 'nan': is not a number; write it like 1234.50"),
        (RATES + "a,inf,1\nb,10,2\n", "line 2: users: 'inf': is not a number"),
        (RATES + "a,,1\nb,10,2\n", "line 2: users: is empty; write a number"),
        (RATES + 'a,"10,000",1\nb,10,2\n', "line 2: users: '10,000': has a decimal comma or a thousands separator"),
        (RATES + "a,1e99,1\nb,10,2\n", f"line 2: users: '1e99': more than {MAX_USERS:,}; is it the right number?"),
        (RATES + "a,10\nb,10,2\n", "line 2: 2 cells, but the header has 3"),
        (RATES + "".join(f"v{number},10,1\n" for number in range(101)), "101 variants, but at most 100 are compared"),
        (SUMS + "a,10,1,5,1\nb,10,2,5,5\n", "line 2: sum_of_squares: '1': below sum²/users = 2.5"),
        (SUMS + "a,10,1,5,-1\nb,10,2,5,5\n", "line 2: sum_of_squares: '-1': is negative"),
        (SUMS + "a,0,0,5,5\nb,10,2,5,5\n", "line 2: sum_of_squares: '5': no users, but a sum"),
        (SUMS + "a,10,1,,5\nb,10,2,5,5\n", "line 2: sum: is empty"),
        ("variant,users,conversions,sum\na,10,1,5\nb,10,1,5\n", "line 2: sum: there is no column sum_of_squares"),
        (b"variant,users,conversions\nf\xfcr,10,1\nb,10,2\n", "not UTF-8 text on line 2"),
    ],
)
def test_files_that_cannot_be_used_are_refused_by_line(run: Run, content: str | bytes, message: str) -> None:
    status, output, errors = run(content)
    assert (status, output) == (2, {})
    assert errors.startswith("python -m runtime.analytics experiment: experiment.csv: ")
    assert message in errors


def test_shares_have_to_fit_the_file(run: Run) -> None:
    status, output, errors = run(FILE, "--shares", "50:25:25")
    assert (status, output) == (2, {})
    assert "the file has 2 variants, but --shares has 3 shares" in errors


def test_extreme_counts_have_an_answer(run: Run) -> None:
    content = SUMS + f"a,{MAX_USERS},1,1e30,1e60\nb,1,1,0,0\nc,{MAX_USERS},{MAX_USERS},-1e30,1e60\n"
    status, output, _ = run(content, "--alpha", "1e-300")
    assert status == 0
    assert output["valid"] is False
    assert all(math.isfinite(row["conversion_rate"]) for row in output["variants"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--shares", "50"], "'50' is not a list of shares, such as 50:50 or 50:25:25"),
        (["--shares", "50:-50"], "'50:-50' is not a list of shares"),
        (["--shares", "50:nan"], "'50:nan' is not a list of shares"),
        (["--shares", "50:0"], "'50:0': a share is 0"),
        (["--alpha", "5"], "'5' is not a number between 0 and 1"),
        (["--alpha", "nan"], "'nan' is not a number between 0 and 1"),
        (["--lift", "0"], "'0' is not a relative lift, such as 0.05 for 5 %"),
        (["--days", "-1"], "'-1' is not a number of days above 0"),
    ],
)
def test_options_that_cannot_be_used_name_the_remedy(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["experiment", "experiment.csv", *arguments])
    assert message in capsys.readouterr().err
