"""Items of plain sales as JSON text, column by column: one by one they take half of the time of parsing a checkout."""

import pyarrow as pa
import pyarrow.compute as pc

from runtime.attribution_job.events.values.items import write_items

# Characters that JSON text in ASCII has as `\u` and four digits.
ESCAPED = r"[^\x20-\x7e]"


def write_plain_items(lists: pa.ChunkedArray) -> pa.Array:
    """Applies `write_items` to lists of items as `plain_patterns.PLAIN_ITEMS` has them, without escapes or controls."""
    items = pc.list_flatten(lists).combine_chunks()
    if pc.any(pc.match_substring_regex(items.field("product_id"), ESCAPED)).as_py():
        return pa.array(map(write_items, lists.to_pylist()), pa.string())
    members = [
        pc.binary_join_element_wise('"product_id": "', items.field("product_id"), '", ', ""),
        pc.binary_join_element_wise('"quantity": ', items.field("quantity").cast(pa.string()), ", ", ""),
        pc.binary_join_element_wise('"unit_price": "', items.field("unit_price"), '", ', ""),
    ]
    # `null_handling="skip"` would drop an item that has only nulls (pyarrow 26). A member ends with a quote or a digit:
    # the trim takes only the last separator.
    stated = pc.binary_join_element_wise(*(pc.fill_null(member, "") for member in members), "")
    texts = pc.binary_join_element_wise("{", pc.ascii_rtrim(stated, ", "), "}", "")
    lengths = pc.fill_null(pc.list_value_length(lists), 0).combine_chunks()
    ends = pc.cumulative_sum(lengths)
    offsets = pa.concat_arrays([pa.array([0], ends.type), ends])
    joined = pc.binary_join(pa.ListArray.from_arrays(offsets, texts), ", ")
    return pc.if_else(pc.is_valid(lists).combine_chunks(), pc.binary_join_element_wise("[", joined, "]", ""), None)
