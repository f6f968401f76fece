"""Items that are written column by column have the text of items that are written one by one."""

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.attribution_job.events.plain import ITEM
from runtime.attribution_job.events.plain_items import write_plain_items
from runtime.attribution_job.events.values.items import write_items

# As `plain_patterns` lets them pass: texts without quotes, escapes or control characters.
ASCII = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E, exclude_characters='"\\'), max_size=5)
ANY = st.text(st.characters(codec="utf-8", min_codepoint=0x20, exclude_characters='"\\'), max_size=5)


def lists_of_items(product_ids: st.SearchStrategy[str]) -> st.SearchStrategy[list[list[dict[str, Any]] | None]]:
    item = st.fixed_dictionaries(
        {
            "product_id": st.none() | product_ids,
            "quantity": st.none() | st.integers(0, 999_999_999),
            "unit_price": st.none() | st.sampled_from(["0", "-1.50", "12.000000001"]),
        }
    )
    return st.lists(st.none() | st.lists(item, max_size=3), max_size=6)


@settings(deadline=None)
@given(lists=lists_of_items(ASCII) | lists_of_items(ANY), cut=st.integers(0, 6))
def test_the_text_is_the_one_of_single_items(lists: list[list[dict[str, Any]] | None], cut: int) -> None:
    column = pa.array(lists, pa.list_(ITEM))
    written = write_plain_items(pa.chunked_array([column.slice(0, cut), column.slice(cut)]))
    assert written.type == pa.string()
    assert written.to_pylist() == list(map(write_items, column.to_pylist()))


@pytest.mark.parametrize("product_id", ["é", "国", "\x7f", "a\x7fb"])
def test_characters_that_json_escapes_are_escaped(product_id: str) -> None:
    written = write_plain_items(pa.chunked_array([pa.array([[{"product_id": product_id}], None], pa.list_(ITEM))]))
    assert written.to_pylist() == [write_items([{"product_id": product_id}]), None]
    assert written[0].as_py().isascii()
