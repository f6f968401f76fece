"""Changes of SQL, each as the text that comes of it."""

from mutants import sql_changes


def variants(sql: str) -> set[str]:
    return {change.apply(sql) for change in sql_changes.changes(sql)}


def test_each_condition_is_left_out_beside_and_and_or() -> None:
    assert variants("select a from t where b = c and (d = e or f = g) order by a") >= {
        "select a from t where true and (d = e or f = g) order by a",
        "select a from t where b = c and true order by a",
        "select a from t where b = c and (false or f = g) order by a",
        "select a from t where b = c and (d = e or false) order by a",
    }


def test_a_condition_ends_before_a_name_and_a_column() -> None:
    assert variants("select a or b as c, d from t") == {"select a or false as c, d from t"}


def test_a_range_loses_either_end_and_moves_by_its_interval() -> None:
    assert variants("where a between b - interval '1 hour' and b") == {
        "where a > b - interval '1 hour' and a <= b",
        "where a >= b - interval '1 hour' and a < b",
        "where a between b + interval '1 hour' and b",
        "where a between b - interval '2 hour' and b",
        "where true",
    }


def test_each_key_of_an_order_is_left_out_and_turned() -> None:
    assert variants("order by a, b desc") == {
        "order by a desc, b desc",
        "order by b desc",
        "order by a, b",
        "order by a",
    }


def test_assignments_are_left_out() -> None:
    sql = "do update\n   set a = least(a, b),\n       c = c + d\n"
    assert variants(sql) == {
        "do update\n   set \n       c = c + d\n",
        sql.replace("least", "greatest"),
        sql.replace("+", "-"),
    }


def test_comments_quoted_texts_and_targets_of_conflicts_stay() -> None:
    assert variants("-- a < b and c\nselect 'd and 1 < 2' from t where e on conflict (f) do nothing") == {
        "-- a < b and c\nselect 'd and 1 < 2' from t where true on conflict (f) do nothing"
    }


def test_limits_and_precisions_stay() -> None:
    assert not variants("select a::numeric(19, 4) from t limit 1")
