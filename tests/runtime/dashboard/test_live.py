"""The live stream: what it shows, and when."""

import csv
import io
import time
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from local.servers import postgres as embedded
from tests.oracle import Checkout
from tests.runtime.analytics.conftest import Logins
from tests.runtime.analytics.shops import send
from tests.runtime.dashboard.browser import Page
from tests.runtime.dashboard.conftest import Open
from tests.runtime.dashboard.events import MAIL, events, has_events, now, send_sale

COUNTS = ("events", "checkouts", "late", "refused", "refunds", "conflicts", "repaired")


def is_live(snapshot: dict[str, Any]) -> bool:
    return bool(snapshot["status"] == "live")


def test_a_commit_is_on_the_page_within_two_seconds(page: Page, logins: Logins) -> None:
    with page.viewer() as viewer:
        assert viewer.snapshot()["status"] == "waiting"
        for number in range(3):
            send_sale(logins.sink, str(number), labels=MAIL._replace(product="p1"))
            snapshot = viewer.snapshot(has_events(2 * (number + 1)), seconds=2)
    assert is_live(snapshot)
    assert snapshot["channels"] == [{"channel": "Email", "checkouts": 3, "revenue": "37.50"}]
    credit = {key: snapshot["ticker"][0][key] for key in ("product", "before_seconds", "channel", "amount", "currency")}
    assert credit == {
        "product": "p1", "before_seconds": 300, "channel": "Email", "amount": "12.50", "currency": "EUR",
    }  # fmt: skip


def test_the_figures_equal_the_view_that_defines_them(page: Page, logins: Logins) -> None:
    logins.owner.execute("insert into exchange_rates values ('2026-01-01', 'JPY', 0.0061)")
    with page.viewer() as viewer:
        send_sale(logins.sink, "1")
        send_sale(logins.sink, "2", amount="1000", currency="JPY")
        send(logins.sink, Checkout(now(), "k3", "stranger", "3.10"))
        snapshot = viewer.snapshot(has_events(5))
    with logins.analyst.cursor(row_factory=dict_row) as cursor:
        view = cursor.execute("select * from live_figures").fetchone()
    assert view
    figures = {name: figure["value"] for name, figure in snapshot["figures"].items()}
    assert figures.keys() == view.keys()
    for name in (*COUNTS, "p50_ms", "p99_ms", "watermark"):
        assert figures[name] == view[name], name
    assert figures["checkouts"] == 3
    assert figures["revenue"] == f"{view['revenue']:.2f}" == "21.70"
    assert figures["credited_share"] == str(view["credited_share"]) == "0.6667"
    assert abs(figures["lag_seconds"] - float(view["lag_seconds"])) < 10
    assert all(figure["definition"] for figure in snapshot["figures"].values())


def test_the_tables_of_the_page_are_files(page: Page, logins: Logins) -> None:
    with page.viewer() as viewer:
        send_sale(logins.sink, "1", labels=MAIL._replace(product="=p1"))
        snapshot = viewer.snapshot(has_events(2))
    files = {name: list(csv.DictReader(io.StringIO(page.request(f"/api/live/{name}.csv").body.decode(), newline="")))
             for name in ("series", "channels", "credits")}  # fmt: skip
    assert files["channels"] == [{"channel": "Email", "checkouts": "1", "revenue": "12.50"}]
    assert [credit["product"] for credit in files["credits"]] == ["'=p1"]
    assert [row["at"] for row in files["series"]] == snapshot["series"]["at"]


def test_late_credits_and_revisions_reach_the_page(page: Page, logins: Logins) -> None:
    checkout = Checkout(now(), "k", "u-1", "10.00")
    with page.viewer() as viewer:
        send(logins.sink, checkout)
        first = viewer.snapshot(has_events(1))
        send_sale(logins.sink, "1")
        second = viewer.snapshot(has_events(3))
    assert first["channels"] == [{"channel": "(unattributed)", "checkouts": 1, "revenue": "10.00"}]
    assert second["channels"] == [{"channel": "Email", "checkouts": 2, "revenue": "22.50"}]


def test_a_missing_exchange_rate_is_a_gap_with_its_remedy(page: Page, logins: Logins) -> None:
    with page.viewer() as viewer:
        send_sale(logins.sink, "1", currency="USD")
        snapshot = viewer.snapshot(is_live)
    revenue = snapshot["figures"]["revenue"]
    assert revenue["value"] is None
    assert "USD" in revenue["note"]
    assert "python -m local load rates" in revenue["note"]
    assert snapshot["channels"] == [{"channel": "Email", "checkouts": 1, "revenue": None}]


def test_a_new_viewer_gets_the_newest_snapshot_at_once(page: Page, logins: Logins) -> None:
    send_sale(logins.sink, "1")
    with page.viewer() as viewer:
        viewer.snapshot(is_live)
        began = time.monotonic()
        with page.viewer() as other:
            assert is_live(other.snapshot())
        assert time.monotonic() - began < 0.5


def test_a_slow_viewer_gets_the_newest_snapshot_and_no_queue(page: Page, logins: Logins) -> None:
    """The slow viewer's receive buffer is small, so the server cannot hand over more than a few snapshots unread."""
    with page.viewer(receive_buffer=4096) as slow, page.viewer() as quick:
        for number in range(60):
            send_sale(logins.sink, str(number))
            quick.snapshot(has_events(2 * (number + 1)))
        received: list[int | None] = []
        while not received or received[-1] != 120:
            received += [events(value) for name, value in slow.events() if name == "snapshot"]
    assert len(received) < 30


def test_the_page_waits_for_a_database_that_does_not_exist_yet(
    open_page: Open, database: str, logins: Logins, postgres: embedded.Server
) -> None:
    page = open_page("")
    assert page.request("/live").status == 200
    answer = page.request("/api/filters")
    assert (answer.status, "starting" in answer.json["error"]) == (503, True)
    with page.viewer() as viewer:
        waiting = viewer.snapshot()
        assert (waiting["status"], waiting["as_of"]) == ("waiting", None)
        assert "starting" in waiting["reason"]
        page.login.write_text(postgres.url(database, "pipeline_analyst"))
        assert "no batch yet" in viewer.snapshot(lambda value: "starting" not in value["reason"])["reason"]
        send_sale(logins.sink, "1")
        assert is_live(viewer.snapshot(is_live))


def test_a_lost_database_is_announced_with_the_last_figures_and_found_again(open_page: Open, tmp_path: Path) -> None:
    folder = tmp_path / "postgres"
    with embedded.running(folder) as server:
        embedded.create_database(server, "shop")
        page = open_page(server.url("shop"))
        write_batch(server.url("shop"))
        with page.viewer() as viewer:
            viewer.snapshot(is_live)
            embedded.restart(folder)
            write_batch(server.url("shop"))
            viewer.snapshot(lambda value: is_live(value) and value["figures"]["late"]["value"] == 2, seconds=10)
            embedded.stop(folder)
            lost = viewer.snapshot(lambda value: value["status"] == "lost")
            assert lost["since"]
            assert lost["figures"]["late"]["value"] == 2
            answer = page.request("/api/panels/performance")
            assert (answer.status, answer.json["since"]) == (503, lost["since"])
            with embedded.running(folder) as again:
                page.login.write_text(again.url("shop"))
                back = viewer.snapshot(is_live, seconds=10)
                assert back["since"] is None
                assert page.request("/api/panels/performance").status == 200


def test_status_events_tell_when_the_database_is_lost_and_back(open_page: Open, tmp_path: Path) -> None:
    folder = tmp_path / "postgres"
    with embedded.running(folder) as server:
        embedded.create_database(server, "shop")
        write_batch(server.url("shop"))
        page = open_page(server.url("shop"))
        with page.viewer() as viewer:
            viewer.snapshot(is_live)
            embedded.stop(folder)
            assert viewer.event("status")["status"] == "lost"
            with embedded.running(folder) as again:
                page.login.write_text(again.url("shop"))
                assert viewer.event("status")["status"] == "live"


def write_batch(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("""
            insert into batches (query_id, batch_id, clicks, checkouts, dead_letters, credits, late, duplicates,
                                 unknown_fields, watermark)
            values (gen_random_uuid(), 0, 0, 0, 0, 0, 1, 0, 0, now())
        """)
