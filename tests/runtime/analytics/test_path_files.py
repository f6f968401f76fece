"""Path files: the forms that are read, and what is said about those that cannot be used."""

from fractions import Fraction

import pytest

from runtime.analytics.command_files import FileError
from runtime.analytics.models.path_totals import PathTotals
from runtime.analytics.path_files import read_paths

HEADER = "path,conversions,value,nulls\n"


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + (HEADER + "a > b,2,1.50,1\n").encode(),
        (HEADER + "a > b,2,1.50,1\n").replace(",", ";").encode(),
        (HEADER + "a > b,2,1.50,1\n").replace(",", "\t").encode("utf-16"),
        (HEADER + "\n a  >  b , 2 , 1.50 , 1 \n\n").replace("\n", "\r\n").encode(),
    ],
    ids=["byte order mark", "semicolons", "tabs in UTF-16", "spaces and blank lines"],
)
def test_forms_that_spreadsheets_write_are_read(content: bytes) -> None:
    assert read_paths(content, 2) == [PathTotals(("a", "b"), Fraction(2), Fraction(3, 2), Fraction(1))]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "no header; the first line names the columns: path,conversions,value,nulls"),
        ("path\na\n", "no header"),
        ("path,value\na,1\n", "the header has no column conversions, only path, value"),
        ("path,conversions,Path\na,1,b\n", "the header has the column path more than once"),
        (HEADER + "a,1,1,1\na > b,-2,1,1\n", "line 3: conversions: '-2': is negative"),
        (HEADER + "a,1,-1,1\n", "line 2: value: '-1': is negative"),
        (HEADER + "a,1,1,-1\n", "line 2: nulls: '-1': is negative"),
        (HEADER + "a,,1,1\n", "line 2: conversions: is empty"),
        (HEADER + "a,one,1,1\n", "line 2: conversions: 'one': is not a decimal number"),
        (HEADER + "a,nan,1,1\n", "line 2: conversions: 'nan': is not a decimal number"),
        (HEADER + 'a,1,"1,50",1\n', "line 2: value: '1,50': has a decimal comma or a thousands separator"),
        (HEADER + "a,1,1.505,1\n", "line 2: value: '1.505': has more than 2 decimals; round it, or set --digits"),
        (HEADER + "a,0,1,1\n", "line 2: value: '1': the path has no conversions"),
        (HEADER + ",1,1,1\n", "line 2: path: is empty; write (unattributed)"),
        (HEADER + "a > ,1,1,1\n", "line 2: path: 'a >': a channel is empty"),
        (HEADER + "a >  > b,1,1,1\n", "line 2: path: 'a >  > b': a channel is empty"),
        (HEADER + "> a,1,1,1\n", "line 2: path: '> a': a channel is empty"),
        (HEADER + "a, b > c,1,1,1\n", "line 2: 5 cells, but the header has 4; quote a cell that holds ','"),
        (HEADER + "a,1\n", "line 2: 2 cells, but the header has 4"),
        (HEADER + '\n\n"a,1,1,1\n', "line 4: a quotation mark that is not closed"),
        ((HEADER + "a,1,1,1\nü,1,1,1\n").encode("latin-1"), "not UTF-8 text on line 3"),
        (b"PK\x03\x04\0\0\0\0", "not a text file"),
    ],
)
def test_files_that_cannot_be_used_are_refused_by_line(content: str | bytes, message: str) -> None:
    with pytest.raises(FileError) as refused:
        read_paths(content if isinstance(content, bytes) else content.encode(), 2)
    assert message in str(refused.value)


def test_all_bad_lines_are_named_up_to_twenty() -> None:
    with pytest.raises(FileError) as refused:
        read_paths((HEADER + "a,1,1,1\n" + "a,x,1,1\n" * 25).encode(), 2)
    text = str(refused.value)
    assert "line 3: " in text
    assert "line 22: " in text
    assert "line 23: " not in text
    assert "and 5 more problems" in text
