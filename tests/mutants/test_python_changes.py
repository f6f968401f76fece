"""Changes of Python, each as the text that comes of it."""

import pytest

from mutants import python_changes


def variants(source: str) -> set[str]:
    return {change.apply(source) for change in python_changes.changes(source)}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a < b", {"a <= b"}),
        ("a <= b < c", {"a < b < c", "a <= b <= c"}),
        ("a is not None", {"a is None"}),
        ("a and b and c", {"((b) and (c))", "((a) and (c))", "((a) and (b))"}),
        ("not a", {"(a)"}),
        ("a - b", {"a + b"}),
        ("a * b", {"(a)"}),
        ("a | b", {"(a)", "(b)"}),
        ("a += b", {"a -= b"}),
        ("f(7, True)", {"f(8, True)", "f(7, False)", "pass"}),
        ("min(a)", {"max(a)", "pass"}),
        ("a = b.strip()", {"a = (b)"}),
        ("a = b if c else d", {"a = b if (not c) else d"}),
        ("a = {b for b in c if d}", {"a = {b for b in c if True}"}),
        ('a = {"b", "c", "d"}', {'a = {"c", "d"}', 'a = {"b", "d"}', 'a = {"b", "c"}'}),
        ('a = ("b", "c")', {'a = ("c",)', 'a = ("b",)'}),
        ('a = "1 hour"', {'a = "2 hour"'}),
        ('a = "é", b < c', {'a = "é", b <= c'}),
    ],
)
def test_code_is_changed_in_one_place(source: str, expected: set[str]) -> None:
    assert variants(source) == expected


def test_a_text_of_sql_has_the_changes_of_sql() -> None:
    assert variants('A = """\nselect a\n  from b\n where c > d\n"""') == {
        'A = """\nselect a\n  from b\n where c >= d\n"""',
        'A = """\nselect a\n  from b\n where true\n"""',
    }


def test_a_condition_of_several_texts_is_left_out_in_each() -> None:
    source = 'a = (\n    "x.b = y.b and x.c = y.c"\n    f" and x.d >= y.d - {e}"\n)'
    assert variants(source) >= {
        'a = (\n    "x.b = y.b and true"\n    f" and x.d >= y.d - {e}"\n)',
        'a = (\n    "x.b = y.b and x.c = y.c"\n    f" and true"\n)',
    }


@pytest.mark.parametrize(
    "source",
    [
        '"""Text."""\n\ndef f(a: int | None = None) -> str | None:\n    """Where a < b."""\n    return a',
        'def f():\n    log.warning("%d < 5", 5 + 1)',
        "if TYPE_CHECKING:\n    import a",
        'A: TypeAlias = Literal["a", "b"]',
        "def f():\n    return g",
        '__all__ = ["a", "b"]',
    ],
)
def test_documentation_logs_and_types_stay(source: str) -> None:
    assert not variants(source)


def test_an_error_is_left_out_and_its_message_stays() -> None:
    assert variants('if a:\n    raise B(f"{c + 1} < 2")') == {
        'if (not a):\n    raise B(f"{c + 1} < 2")',
        "if a:\n    pass",
    }
    assert variants('require(a < b, "c" + d)') == {"pass", 'require(a <= b, "c" + d)'}
