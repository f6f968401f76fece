"""The files of the command `anomalies`: their forms, and what it says about unusable ones."""

import numpy as np
import pytest

from runtime.analytics.__main__ import main
from tests.runtime.analytics.anomalies.conftest import Run
from tests.runtime.analytics.anomalies.generated import (
    DAYS,
    HOURS,
    NOISE,
    csv,
    daily,
    flat,
    text,
    times,
)

HEADER = "series,from,to,expected_low,expected_high,observed,score,severity\n"


def test_gaps_are_no_zeros(run: Run) -> None:
    values = daily(*HOURS)
    values[400:412] = np.nan
    values[::17] = np.nan
    assert run(csv(values, HOURS[1])).findings == []
    lines = csv(values, HOURS[1]).splitlines(keepends=True)
    assert run("".join(line for line in lines if not line.endswith(",\n"))).findings == []


def test_the_form_of_the_file_does_not_matter(run: Run) -> None:
    values = daily(*HOURS)
    values[500] += 12 * NOISE
    content = csv(values, HOURS[1])
    expected = run(content)
    assert len(expected.findings) == 1
    header, *rows = content.splitlines()
    shuffled = [header, *(rows[place] for place in np.random.default_rng(1).permutation(len(rows)))]
    cells = [row.split(",") for row in rows]
    seconds = [int(time.timestamp()) for time in times(*HOURS)]
    variants: dict[str, str | bytes] = {
        "unsorted": "\n".join(shuffled),
        "line ends of Windows": content.replace("\n", "\r\n"),
        "byte order mark": b"\xef\xbb\xbf" + content.encode(),
        "semicolons": content.replace(",", ";"),
        "another zone": content.replace("Z,", "+00:00,"),
        "blank lines": content.replace("\n", "\n\n"),
        "Unix seconds": "\n".join([header, *(f"{at},{value}" for at, (_, value) in zip(seconds, cells, strict=True))]),
        "Unix milliseconds": "\n".join(
            [header, *(f"{at}000,{value}" for at, (_, value) in zip(seconds, cells, strict=True))]
        ),
        "other columns first": "\n".join(["value,timestamp", *(f"{value},{time}" for time, value in cells)]),
        "NaN for gaps": content.replace(",\n", ",NaN\n"),
    }
    for name, variant in variants.items():
        status, _, errors, output = run(variant)
        assert (status, output, errors) == (0, expected.output, ""), name


def test_times_of_another_zone_are_printed_in_utc(run: Run) -> None:
    values = flat(*HOURS)
    values[500] += 12 * NOISE
    content = csv(values, HOURS[1])
    for time in times(*HOURS):
        content = content.replace(text(time), time.strftime("%Y-%m-%dT%H:%M:%S+02:00"))
    assert run(content).spans == [("2026-03-22T18:00:00Z",) * 2]


def test_times_without_a_zone_are_utc_and_noted(run: Run) -> None:
    status, _, errors, _ = run(csv(flat(*DAYS), DAYS[1]).replace("Z,", ","))
    assert (status, errors) == (0, "note: times without a zone are taken for UTC: 90\n")


def test_rows_of_one_time_are_averaged_and_noted(run: Run) -> None:
    content = csv(flat(*DAYS), DAYS[1])
    status, findings, errors, _ = run(content + content.splitlines()[-1] + "\n")
    assert (status, findings) == (0, [])
    assert errors == "note: rows with a time of another row, of which the mean is taken: 1\n"


@pytest.mark.parametrize("count", [1, 2, 7])
def test_few_values_have_no_finding(run: Run, count: int) -> None:
    assert run(csv(np.linspace(0, 1000, count) ** 3, 3_600)).output == HEADER


def test_several_columns_are_several_series(run: Run) -> None:
    first, second = daily(*HOURS, seed=2), daily(*HOURS, seed=3)
    second[500] += 12 * NOISE
    rows = zip(times(*HOURS), first, second, strict=True)
    lines = [f"{text(time)},{one:.6g},{other:.6g}" for time, one, other in rows]
    findings = run("\n".join(["timestamp,Clicks,checkouts", *lines])).findings
    assert [finding["series"] for finding in findings] == ["checkouts"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "no header; the first line names the columns: timestamp,value"),
        ("timestamp,value\n", "no rows below the header; write a row for each time"),
        ("time,value\n2026-03-01,1\n", "the header has no column timestamp, only time, value"),
        (
            "timestamp,value\n01.03.2026,1\n",
            "line 2: timestamp: '01.03.2026': is no time; write it like 2026-03-01T14:",
        ),
        ("timestamp,value\n,1\n", "line 2: timestamp: is empty; write it like 2026-03-01T14:05:00Z"),
        ("timestamp,value\n2026-03-01,abc\n", "line 2: value: 'abc': is no number; write it like 1234.5, or leave it"),
        ("timestamp,value\n2026-03-01,1e999\n", "line 2: value: '1e999': is beyond 1e+100; is it the right number?"),
        ('timestamp,value\n2026-03-01,"1,5"\n', "line 2: value: '1,5': has a decimal comma or a thousands separator"),
        ("timestamp,value\n2026-03-01,1\n2026-03-02,1,2\n", "line 3: 3 cells, but the header has 2"),
        (b"timestamp,value\n\xff,1\n", "not UTF-8 text on line 2; save the table as CSV in UTF-8"),
        ("timestamp,value,value\n2026-03-01,1,2\n", "the header has the column value more than once; remove one of"),
    ],
)
def test_an_unusable_file_is_refused_with_its_line_and_the_remedy(run: Run, content: str | bytes, message: str) -> None:
    status, _, errors, output = run(content)
    assert (status, output) == (2, "")
    assert errors.startswith(f"python -m runtime.analytics anomalies: series.csv: {message}")


def test_a_missing_file_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["anomalies", "missing.csv"]) == 2
    assert "missing.csv: No such file or directory" in capsys.readouterr().err
