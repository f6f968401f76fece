"""The panel of experiments shows the results, and first whether they can be trusted."""

from local.servers.postgres import Server
from runtime.analytics.refresh import refresh
from tests.oracle import Click
from tests.runtime.analytics.conftest import Logins
from tests.runtime.analytics.experiments.shops import DAY, START, Shop, deliver
from tests.runtime.dashboard.shop_panels import ask


def test_the_panel_shows_valid_and_invalid_experiments_of_any_day(
    logins: Logins, postgres: Server, database: str
) -> None:
    url = postgres.url(database, "pipeline_analyst")
    (empty,) = ask(url, ("experiments", {}))
    assert (empty["rows"], empty["empty"]["title"]) == ([], "No experiment yet")
    for variant in "ab":
        logins.owner.execute(
            "insert into experiments (experiment_id, variant, is_control, expected_share, started_at)"
            " values ('registered', %s, %s, 1, %s), ('skewed', %s, %s, 1, %s)",
            [variant, variant == "a", START, variant, variant == "a", START - DAY],
        )
    clicks = [Click(START, f"c{number}", f"u{number}") for number in range(230)]
    labels: dict[str, tuple[str | None, str | None]] = {
        click.click_id: ("skewed", "a" if number < 150 else "b") if number < 200 else ("registered", "ab"[number % 2])
        for number, click in enumerate(clicks)
    }
    clicks.append(Click(START, "x", "x"))
    shop = Shop(clicks, labels | {"x": ("unknown", "a")})
    deliver(logins.sink, shop, shop.events)
    refresh(logins.refresher)

    (panel,) = ask(url, ("experiments", {"from": "2026-12-01", "to": "2026-12-02"}))
    shown = [tuple(row[:3]) for row in panel["rows"]]
    assert list(dict.fromkeys(shown)) == [
        ("registered", "valid", "a"),
        ("registered", "valid", "b"),
        ("skewed", "invalid", "a"),
        ("skewed", "invalid", "b"),
        ("unknown", "not registered", "a"),
    ]
    assert all(column["definition"] for column in panel["columns"])
    assert [column["unit"] for column in panel["columns"] if column["name"] == "lift"] == ["share"]
    assert panel["empty"] is None
