"""Expressions keep numbers exact, give null for values that do not fit, and are checked before the first record."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.attribution_job.events.mapping import EventMapping, built_in_names, load_mapping
from runtime.attribution_job.events.mapping.expressions import Expression, ExpressionError
from runtime.attribution_job.events.values import REPEATED

RECORD: dict[str, Any] = {
    "cents": 1990, "total": Decimal("0.10"), "text": "Lamp:4711", "none": None, "long": "12345678901234567890.12",
    "amounts": ["0.10", Decimal("0.20"), 3], "naive": "2026-03-01 10:00:00.5", "zoned": "2026-03-01T10:00:00+01:00",
    "list": '[{"id": 1, "price": 0.30}]', "negative": "-5.50", "twice": REPEATED, "nan": float("nan"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("minor_units(cents, `2`)", "19.90"),
        ("minor_units('1980', `0`)", "1980"),
        ("minor_units(total, `2`)", "0.0010"),
        ("minor_units(text, `2`)", None),
        ("minor_units(cents, `-1`)", None),
        ("split(text, ':')[1]", "4711"),
        ("split(none, ':')", None),
        ("split(text, '')", None),
        ("lower(text)", "lamp:4711"),
        ("lower(cents)", None),
        ("utc(naive)", "2026-03-01 10:00:00.5Z"),
        ("utc(zoned)", "2026-03-01T10:00:00+01:00"),
        ("utc('2026-03-01')", "2026-03-01"),
        ("utc(cents)", 1990),
        ("epoch_ms(zoned)", 1772355600000),
        ("epoch_ms(utc(naive))", 1772359200500),
        ("epoch_ms(naive)", None),
        ("epoch_ms(none)", None),
        ("json(list)[0].price", Decimal("0.30")),
        ("json(text)", None),
        ("json(cents)", 1990),
        ("to_number(long)", Decimal("12345678901234567890.12")),
        ("to_number('1_000')", None),
        ("to_string(total)", "0.10"),
        ("to_string(none)", None),
        ("to_string(cents)", "1990"),
        ("to_string(twice)", None),
        ("to_string(sum(map(&to_number(@), amounts)))", "3.30"),
        ("to_string(abs(to_number(negative)))", "5.50"),
        ("type(total)", "number"),
        ("total == `0.1`", True),
        ("total < `0.11`", True),
        ("max([total, `0.2`])", Decimal("0.2")),
        ("sort_by([{a: `2.5`}, {a: total}], &a)[0].a", Decimal("0.10")),
        ("text < cents", None),
        ("length(cents)", None),
        ("none.a.b[0]", None),
        ("amounts[::0]", None),
    ],
)
def test_an_expression_gives_an_exact_value_or_null(expression: str, result: Any) -> None:
    found = Expression(expression)(RECORD)
    assert found == result
    assert type(found) is type(result)


def test_other_users_of_jmespath_keep_their_numbers() -> None:
    import jmespath  # noqa: PLC0415  the order matters: the expression is in its cache

    Expression("total == `0.1`")
    assert jmespath.search("`0.1`", {}) == 0.1
    assert jmespath.search("to_string(`null`)", {}) == "null"


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        ("a.b[", "is no JMESPath expression"),
        ("", "is no JMESPath expression"),
        ("a ==", "is no JMESPath expression"),
        ("a | uppercase(b)", "there is no function uppercase"),
        ("[*].split(@)", r"split\(\) takes 2 arguments, not 1"),
        ("not_null()", r"not_null\(\) takes at least 1 argument, not 0"),
        ("&a", "before an argument of a function only"),
        ('type == "page"', "write the text as 'page', in single quotes"),
        ('"page" == type', "write the text as 'page', in single quotes"),
    ],
)
def test_a_wrong_expression_is_refused_with_its_remedy(expression: str, problem: str) -> None:
    with pytest.raises(ExpressionError, match=problem) as refusal:
        Expression(expression)
    assert "\n" not in str(refusal.value)


scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(max_size=8), st.just(REPEATED), st.just(float("inf")),
    st.decimals(allow_nan=False, allow_infinity=False),
)  # fmt: skip
# Names that the mappings look at, so that odd values reach their expressions.
NAMES = [
    "type", "event", "timestamp", "properties", "context", "page", "products", "total_price", "created_at", "refunds",
    "transactions", "amount", "kind", "status", "event_name", "event_params", "key", "value", "ecommerce", "items",
    "unstruct_event", "contexts", "data", "schema", "refund_id", "order_id", "total", "date_created_gmt", "line_items",
]  # fmt: skip
VALUES = ["page", "track", "Order Completed", "Order Refunded", "purchase", "refund", "transaction", "success"]
values = st.recursive(
    scalars | st.sampled_from(VALUES),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=6),
    max_leaves=20,
)


@pytest.fixture(scope="module")
def mappings() -> list[EventMapping]:
    return [load_mapping(name) for name in built_in_names()]


@given(record=st.dictionaries(st.sampled_from(NAMES), values, max_size=8))
def test_no_record_makes_a_mapping_fail(mappings: list[EventMapping], record: dict[str, Any]) -> None:
    for mapping in mappings:
        for kind, event in mapping.apply(record):
            assert kind in ("click", "checkout", "refund")
            assert None not in event.values()
