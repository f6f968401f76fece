import codecs
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.analytics.loading.kinds import KINDS, RATES, RULES, SPEND, Kind
from runtime.analytics.loading.reading import REPORTED_PROBLEMS, LoadError, read, refuse

HEADER = "day,channel,campaign,amount,currency\n"
ROW = "2026-03-01,Paid Search,shoes,12.50,EUR\n"
VALUES = {
    "day": date(2026, 3, 1),
    "channel": "Paid Search",
    "campaign": "shoes",
    "amount": Decimal("12.50"),
    "currency": "EUR",
}


def values(kind: Kind, content: str | bytes) -> list[dict[str, Any]]:
    rows, problems = read(kind, content.encode() if isinstance(content, str) else content)
    refuse(problems)
    return [dict(row.values) for row in rows]


def problems(kind: Kind, text: str) -> list[str]:
    return [f"{problem.line}: {problem.text}" for problem in read(kind, text.encode())[1]]


def test_a_row_has_the_exact_values_of_its_cells() -> None:
    assert values(SPEND, HEADER + ROW) == [VALUES]
    rates = "day,currency,rate\n2026-03-01,usd,0.921659\n"
    assert values(RATES, rates) == [{"day": date(2026, 3, 1), "currency": "USD", "rate": Decimal("0.921659")}]
    rules = "priority,source,medium,channel,is_paid\n10,^google$,cpc|ppc,Paid Search,yes\n99,,,Other,0\n"
    first, last = values(RULES, rules)
    assert first == {
        "priority": 10,
        "source": "^google$",
        "medium": "cpc|ppc",
        "campaign": None,
        "referrer": None,
        "channel": "Paid Search",
        "is_paid": True,
    }
    assert last == first | {"priority": 99, "source": None, "medium": None, "channel": "Other", "is_paid": False}


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (b"", "utf-8"),
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ],
)
def test_encoding_delimiter_and_line_breaks_are_detected(
    mark: bytes, encoding: str, delimiter: str, line_break: str
) -> None:
    text = (HEADER + ROW).replace("Search", "Süche ✓").replace(",", delimiter).replace("\n", line_break)
    assert values(SPEND, mark + text.encode(encoding)) == [VALUES | {"channel": "Paid Süche ✓"}]


def test_the_header_tells_the_order_of_the_columns_in_any_case() -> None:
    assert values(SPEND, "Currency, AMOUNT,Channel,Day\nEUR,12.50,Paid Search,2026-03-01\n") == [
        VALUES | {"campaign": ""}
    ]


def test_a_cell_may_hold_the_delimiter_and_blank_rows_are_skipped() -> None:
    text = "\nsep=;\n".lstrip() + 'day;channel;amount;currency\n\n2026-03-01;"Search; paid";12.50;EUR\n;;;\n'
    assert [row["channel"] for row in values(SPEND, text)] == ["Search; paid"]


@pytest.mark.parametrize(
    ("cell", "remedy"),
    [
        ("1.234,50", "has a decimal comma or a thousands separator; write it like 1234.50"),
        ("12,5", "has a decimal comma"),
        ("1 200", "has a decimal comma or a thousands separator"),
        ("-3", "is negative; write a number of at least 0"),
        ("1e3", "is not a decimal number"),
        ("NaN", "is not a decimal number"),
        ("€5", "is not a decimal number"),
        ("٣", "is not a decimal number"),
        ("0.00001", "has more than 4 decimals; round it"),
        ("1234567890123456", "has more than 15 digits before the point"),
        ("", "is empty; fill it in"),
    ],
)
def test_an_amount_that_is_not_exact_is_refused_with_the_remedy(cell: str, remedy: str) -> None:
    (problem,) = problems(SPEND, f'day,channel,amount,currency\n2026-03-01,X,"{cell}",EUR\n')
    assert problem.startswith(f"2: amount: {cell!r}: {remedy}" if cell else f"2: amount: {remedy}")


@given(st.decimals(min_value=0, max_value=10**15 - 1, places=4))
def test_every_amount_of_the_table_is_read_exactly(amount: Decimal) -> None:
    (row,) = values(SPEND, f"day,channel,amount,currency\n2026-03-01,X,{amount:f},EUR\n")
    assert row["amount"] == amount


@given(st.sampled_from(sorted(KINDS)), st.binary() | st.text().map(lambda text: (HEADER + text).encode()))
def test_any_content_is_read_or_refused(kind: str, content: bytes) -> None:
    try:
        rows, found = read(KINDS[kind], content)
    except LoadError:
        return
    assert found or all(list(row.values) == KINDS[kind].names for row in rows)


def test_all_problems_of_a_file_are_reported_by_line() -> None:
    text = (
        HEADER + ROW + "1.3.2026,,,x,EURO\n2026-02-30,(unattributed),,1,EUR\n" + ROW.replace("12.50", "13")
        + "2026-03-02,X,1,EUR\n" + "2026-03-03,X\x07,,1,EUR\n" + '"2026-03-04"x,X,,1,EUR\n' + '2026-03-05,"X,,1,EUR\n'
    )  # fmt: skip
    assert problems(SPEND, text) == [
        "3: day: '1.3.2026': write the day as YYYY-MM-DD, such as 2026-03-01",
        "3: channel: is empty; fill it in",
        "3: amount: 'x': is not a decimal number; write it like 1234.50, without a currency or an exponent",
        "3: currency: 'EURO': write the code of ISO 4217, such as EUR",
        "4: day: '2026-02-30': no such day; write a day of the calendar as YYYY-MM-DD",
        "4: channel: '(unattributed)': is the name for checkouts without a click; give another name",
        "5: day 2026-03-01, channel Paid Search, campaign shoes, currency EUR: is also on line 2; keep one of the rows",
        "6: 4 cells, but the header has 5; quote a cell that holds ','",
        "7: channel: 'X\\x07': has a line break or control character; remove it",
        "8: text after a closing quotation mark; correct the quotation marks",
        "9: a quotation mark that is not closed; correct the quotation marks",
    ]


def test_problems_of_rates_and_rules_name_the_remedy() -> None:
    assert problems(RATES, "day,currency,rate\n2026-03-01,USD,0\n2026-03-02,USD,0.1234567890123\n") == [
        "2: rate: '0': a rate is above 0; give the value of 1 unit in the reporting currency, or leave the row out",
        "3: rate: '0.1234567890123': has more than 12 decimals; round it",
    ]
    assert problems(RULES, "priority,channel,is_paid\n1,A,true\n1,B,maybe\n-1,C,no\n") == [
        "3: is_paid: 'maybe': write true or false",
        "3: priority 1: is also on line 2; keep one of the rows",
        "4: priority: '-1': write a whole number from 0 to 999999999; the smallest is tried first",
    ]


def test_the_first_problems_are_shown_and_the_others_counted() -> None:
    text = "day,currency,rate\n" + "2026-13-01,USD,1\n" * (REPORTED_PROBLEMS + 5)
    with pytest.raises(LoadError) as error:
        values(RATES, text)
    lines = str(error.value).splitlines()
    assert lines[0] == "25 problems, nothing was loaded:"
    assert lines[1].startswith("  line 2: day: '2026-13-01'")
    assert len(lines) == REPORTED_PROBLEMS + 2
    assert lines[-1] == "  and 5 more problems"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no header; the first line names the columns day, channel, campaign, amount, currency"),
        (ROW.encode(), "no header"),
        (HEADER.encode(), "no rows below the header"),
        (b"day,chanel,amount,amount,currency\n", "the column channel is missing; the column 'chanel' is unknown"),
        (b"day,chanel,amount,amount,currency\n", "the column amount is there twice"),
        (b"day,channel,amount\n", "header: the column currency is missing; the columns of spend are day, channel,"),
        ((HEADER + ROW.replace("P", "Ä")).encode("latin-1"), "not UTF-8 text on line 2; save the table as CSV"),
        ((HEADER + ROW).encode("utf-16")[:-1], "not UTF-16-LE text; save the table as CSV in UTF-8"),
        (b"PK\x03\x04\x14\x00\x06\x00\x08\x00", "not a text file; save the table as CSV in UTF-8"),
    ],
)
def test_a_file_without_readable_rows_is_refused_with_the_remedy(content: bytes, message: str) -> None:
    with pytest.raises(LoadError) as error:
        values(SPEND, content)
    assert message in str(error.value)


def test_a_cell_below_no_column_name_is_refused() -> None:
    assert values(SPEND, "day,channel,amount,currency,\n2026-03-01,X,1,EUR,\n")
    (problem,) = problems(SPEND, "day,channel,,amount,currency\n2026-03-01,X,shoes,1,EUR\n")
    assert problem == "2: has a cell below no column name; name the column in the header, or delete it"
