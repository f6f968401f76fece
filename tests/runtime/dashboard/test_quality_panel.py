"""The panel of the quality rules: each rule once, breaches first, whatever the filters."""

from datetime import timedelta

from tests.runtime.analytics.conftest import Logins
from tests.runtime.analytics.quality.shop import CLICKS, clicks, evaluate, half_past, sound, write
from tests.runtime.dashboard.shop_panels import ask


def test_the_panel_shows_the_newest_state_of_each_rule_with_breaches_first(logins: Logins, url: str) -> None:
    at = half_past()
    write(logins.sink, sound(at), [*clicks(at, 200, first=CLICKS, is_bot=True)])
    # The hour of the clicks is then the newest one.
    evaluate(logins.refresher, at + timedelta(minutes=29))
    (panel,) = ask(url, ("quality", {"from": "2020-01-01", "to": "2020-01-02"}))
    columns = [column["name"] for column in panel["columns"]]
    shown = [dict(zip(columns, row, strict=True)) for row in panel["rows"]]
    assert len({row["rule"] for row in shown}) == len(shown) == 19
    first = shown[0]
    assert (first["rule"], first["state"], first["bad"], first["total"]) == ("robot_clicks", "breached", 200, 600)
    assert first["bad_share"] == "0.3333"
    assert [row["rule"] for row in shown if row["state"] == "breached"] == ["robot_clicks"]
    assert [row["rule"] for row in shown if row["remedy"]] == ["robot_clicks"]
    assert all(column["definition"] for column in panel["columns"])
