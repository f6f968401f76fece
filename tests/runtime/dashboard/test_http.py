"""The requests that the page answers and refuses, and the headers of every answer."""

import csv
import io

import pytest

from runtime.analytics.refresh import refresh
from runtime.dashboard import csv_file
from runtime.dashboard.app import PAGES, STATIC
from runtime.dashboard.panels.reading import PANELS
from tests.runtime.analytics.conftest import Logins
from tests.runtime.analytics.reference import Labels
from tests.runtime.dashboard.browser import Page
from tests.runtime.dashboard.events import send_sale

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self';"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HOSTILE = "<script>alert(1)</script>\"'&\u2028\n=cmd|' /C calc'!A0"


def test_every_answer_restricts_the_browser(empty_page: Page) -> None:
    for path in ("/live", "/api/filters", "/static/index.html", "/nowhere", "/api/panels/nothing"):
        headers = empty_page.request(path).headers
        assert headers["Content-Security-Policy"] == POLICY
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert "Access-Control-Allow-Origin" not in headers


def test_every_page_is_the_same_file_and_the_first_one_is_live(empty_page: Page) -> None:
    index = (STATIC / "index.html").read_bytes()
    for name in PAGES:
        answer = empty_page.request(f"/{name}?from=2026-11-01&channel=Email")
        assert (answer.status, answer.body) == (200, index)
        assert answer.headers["Content-Type"].startswith("text/html")
    first = empty_page.request("/")
    assert (first.status, first.headers["Location"]) == (307, "/live")


def test_a_file_is_sent_again_only_when_it_changed(empty_page: Page) -> None:
    for path in ("/live", "/static/vendor/echarts.min.js"):
        first = empty_page.request(path)
        assert (first.status, first.headers["Cache-Control"]) == (200, "no-cache")
        again = empty_page.request(path, If_None_Match=first.headers["ETag"])
        assert (again.status, again.body) == (304, b"")
    assert empty_page.request("/api/filters").headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "localhost.evil:{port}", ""]
)
def test_another_host_is_refused(empty_page: Page, host: str) -> None:
    for path in ("/live", "/api/live", "/api/panels/performance", "/static/index.html"):
        answer = empty_page.request(path, host=host.format(port=empty_page.port) or " ")
        assert answer.status == 421
        assert f"http://127.0.0.1:{empty_page.port}/" in answer.json["error"]


def test_names_of_this_machine_are_served(empty_page: Page) -> None:
    for host in (f"localhost:{empty_page.port}", f"[::1]:{empty_page.port}", f"LOCALHOST:{empty_page.port}"):
        assert empty_page.request("/live", host=host).status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "NONSENSE"])
def test_only_reading_methods_are_served(empty_page: Page, method: str) -> None:
    for path in ("/live", "/api/live", "/api/panels/performance"):
        answer = empty_page.request(path, method=method)
        assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")


def test_head_has_the_headers_without_a_body(empty_page: Page) -> None:
    for path in ("/live", "/api/live", "/api/filters", "/api/panels/batches", "/api/panels/batches.csv"):
        answer = empty_page.request(path, method="HEAD")
        assert (answer.status, answer.body) == (200, b"")
        assert answer.headers["Content-Security-Policy"] == POLICY


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/static/....//app.py",
        "/static//etc/passwd", "/static/%2fetc/passwd", "/static/\\..\\app.py", "/static/%00",
        "/static/vendor/../../app.py", "/static/vendor/echarts.js", "/static/", "/static", "/api/", "/api/panels/",
        "/live/", "/.env", "/static/" + "a" * 5000,
    ],
)  # fmt: skip
def test_nothing_beside_the_page_is_served(empty_page: Page, path: str) -> None:
    answer = empty_page.request(path)
    assert answer.status == 404
    assert "error" in answer.json


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("from=2026-13-01", "from=2026-13-01: write a day as YYYY-MM-DD"),
        ("to=yesterday", "to=yesterday: write a day as YYYY-MM-DD"),
        ("from=2026-11-02&to=2026-11-01", "from=2026-11-02 is after to=2026-11-01"),
        ("from=1970-01-01&to=9999-12-31", "expected at most 3660 days"),
        ("to=0001-01-01", "expected days from 1970-01-01 on"),
        ("from=0001-01-01", "expected days from 1970-01-01 on"),
        ("model=best", "model=best: expected one of first_touch"),
        ("look_back=2 days".replace(" ", "%20"), "look_back=2 days: expected one of 1 hour"),
        ("measure=clicks", "measure=clicks: expected one of net_revenue"),
        ("currency=eur", "currency=eur: write a code of ISO 4217"),
        ("colour=red", "colour: unknown filter; the filters are from, to"),
        ("channel=Email&channel=SMS", "channel: given twice"),
        ("device=%00", "device: expected at most 200 characters, without NUL"),
        ("channel=" + "x" * 300, "channel: expected at most 200 characters"),
    ],
)
def test_a_malformed_filter_is_named(empty_page: Page, query: str, message: str) -> None:
    answer = empty_page.request(f"/api/panels/performance?{query}")
    assert answer.status == 400
    assert message in answer.json["error"]


def test_an_unknown_panel_is_named(empty_page: Page) -> None:
    answer = empty_page.request("/api/panels/everything")
    assert answer.status == 404
    assert answer.json["error"].startswith("everything: unknown panel; the panels are performance")


def test_every_panel_says_without_data_how_to_fill_it(empty_page: Page) -> None:
    for name in PANELS:
        panel = empty_page.panel(name)
        assert panel["rows"] == []
        assert panel["empty"]["title"]
        assert panel["empty"]["how"]


def test_every_number_has_its_definition(empty_page: Page) -> None:
    for name in PANELS:
        for column in empty_page.panel(name)["columns"]:
            assert column["definition"], (name, column)


def test_text_of_events_stays_data(page: Page, logins: Logins) -> None:
    labels = Labels("Unassigned", source=HOSTILE, medium=HOSTILE, campaign=HOSTILE, product=HOSTILE)
    logins.owner.execute(
        "insert into channel_rules (priority, source, channel, is_paid) values (1, 'script', %s, false)", [HOSTILE]
    )
    with page.viewer() as viewer:
        send_sale(logins.sink, HOSTILE, labels=labels)
        snapshot = viewer.snapshot(lambda value: value["status"] == "live")
    assert [row["channel"] for row in snapshot["channels"]] == [HOSTILE]
    assert snapshot["ticker"][0]["product"] == HOSTILE
    assert HOSTILE not in page.request("/live").body.decode()
    refresh(logins.refresher)
    rows = page.panel("campaigns", channel=HOSTILE)["rows"]
    assert [row[:2] for row in rows] == [[HOSTILE, HOSTILE]]
    answer = page.request("/api/panels/campaigns.csv")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="campaigns-20')
    (_, row) = csv.reader(io.StringIO(answer.body.decode(), newline=""))
    assert row[:2] == [HOSTILE, HOSTILE]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d"])
def test_a_cell_of_a_csv_is_no_formula(start: str) -> None:
    columns = [{"name": "channel", "unit": "text"}, {"name": "net_revenue", "unit": "money"}]
    ((_, _), row) = csv.reader(io.StringIO(csv_file.text(columns, [[f"{start}1+1", "-2.50"]]), newline=""))
    assert row == [f"'{start}1+1", "-2.50"]


def test_no_panel_and_no_snapshot_names_a_user(page: Page, logins: Logins) -> None:
    with page.viewer() as viewer:
        send_sale(logins.sink, "secret-person")
        snapshot = viewer.snapshot(lambda value: value["status"] == "live")
    refresh(logins.refresher)
    assert "secret-person" not in str(snapshot)
    for name in PANELS:
        assert "secret-person" not in page.request(f"/api/panels/{name}").body.decode()
