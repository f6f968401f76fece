"""The verdicts of check --json: which event of which line is accepted, refused or ignored, and how it was read."""

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tests.local.commands import run
from tests.local.event_files.writing import parquet_bytes, written

CLICK = {"click_id": "c1", "user_id": "u1", "click_timestamp": "2026-03-01T10:00:00Z", "utm_source": "google"}
CHECKOUT = {
    "checkout_id": "k1",
    "user_id": "u1",
    "checkout_timestamp": "2026-03-01T10:20:00.123456+01:00",
    "total_amount": 39.9,
    "currency": "eur",
}
REFUND = {
    "refund_id": "r1",
    "checkout_id": "k1",
    "user_id": "u1",
    "refund_timestamp": "2026-03-01T11:00:00Z",
    "amount": "5.0000",
    "currency": "EUR",
}
FIELDS = [
    *("file", "line", "index", "kind", "id", "user_id", "event_time", "amount", "currency"),
    *("utm_source", "utm_medium", "utm_campaign", "verdict", "reason", "repairs"),
]


def lines(*events: object) -> bytes:
    return "".join(json.dumps(event) + "\n" for event in events).encode()


def checked(folder: Path, *arguments: object, status: int = 0) -> list[dict[str, Any]]:
    result = run(folder / "data", "check", "--json", *arguments)
    assert result.returncode == status, result.stderr
    assert not (folder / "data").exists()
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_each_event_is_a_line_with_all_fields(tmp_path: Path) -> None:
    path = written(tmp_path / "events.jsonl", lines(CLICK, CHECKOUT, REFUND | {"extra": 1}))
    verdicts = checked(tmp_path, path)
    assert all(list(verdict) == FIELDS for verdict in verdicts)
    assert [list(verdict.values())[1:] for verdict in verdicts] == [
        [1, 0, "click", "c1", "u1", "2026-03-01T10:00:00.000Z", None, None, "google", None, None, "accepted", None, []],
        [
            2, 0, "checkout", "k1", "u1", "2026-03-01T09:20:00.123456Z", "39.90", "EUR", None, None, None, "accepted",
            None, ["amount_from_number", "currency_spelling"],
        ],
        [
            3, 0, "refund", "r1", "u1", "2026-03-01T11:00:00.000Z", "5.00", "EUR", None, None, None, "accepted", None,
            ["unknown_fields"],
        ],
    ]  # fmt: skip
    assert {verdict["file"] for verdict in verdicts} == {str(path)}


def test_a_refused_event_is_told_as_far_as_possible(tmp_path: Path) -> None:
    path = written(
        tmp_path / "events.jsonl",
        lines(CLICK, CLICK | {"user_id": "null"}, {"user_id": 7}, CHECKOUT | {"total_amount": "1,000"}) + b"{\n\n",
    )
    verdicts = checked(tmp_path, path)[1:]
    assert [[verdict[name] for name in ("line", "kind", "id", "user_id", "verdict")] for verdict in verdicts] == [
        [2, "click", "c1", "null", "refused"],
        [3, None, None, "7", "refused"],
        [4, "checkout", "k1", "u1", "refused"],
        [5, None, None, None, "refused"],
    ]
    assert "user_id: a placeholder" in verdicts[0]["reason"]
    assert "thousands separator" in verdicts[2]["reason"]


def test_the_kind_is_told_by_most_of_the_required_fields(tmp_path: Path) -> None:
    """A checkout that names its click is a checkout; a line may hold events of both streams."""
    path = written(
        tmp_path / "x",
        lines(CHECKOUT | {"click_id": "c9", "click_timestamp": None}, CLICK | {"checkout_id": "k"}, [CLICK, CHECKOUT]),
    )
    assert [
        (verdict["line"], verdict["index"], verdict["kind"], verdict["verdict"]) for verdict in checked(tmp_path, path)
    ] == [
        (1, 0, "checkout", "accepted"),
        (2, 0, "click", "accepted"),
        (3, 0, "click", "accepted"),
        (3, 1, "checkout", "accepted"),
    ]


def test_events_of_one_line_are_numbered(tmp_path: Path) -> None:
    array = written(tmp_path / "array", json.dumps([CLICK, 5, CHECKOUT]).encode())
    joined = written(tmp_path / "joined", lines(CLICK) + lines(CLICK).strip() + lines(CLICK))
    assert [(verdict["line"], verdict["index"]) for verdict in checked(tmp_path, array)] == [(1, 0), (1, 1), (1, 2)]
    assert [(verdict["line"], verdict["index"]) for verdict in checked(tmp_path, joined)] == [(1, 0), (2, 0), (2, 1)]


def test_a_time_in_the_future_is_corrected_to_the_time_of_the_check(tmp_path: Path) -> None:
    (verdict,) = checked(tmp_path, written(tmp_path / "x", lines(CLICK | {"click_timestamp": "2099-01-01T00:00:00Z"})))
    assert verdict["repairs"] == ["clock_corrected"]
    assert abs(datetime.now(UTC) - datetime.fromisoformat(verdict["event_time"])) < timedelta(minutes=5)


def test_rows_of_tables_are_read_like_lines(tmp_path: Path) -> None:
    table = b"checkout_id,user_id,checkout_timestamp,total_amount,currency\n7,u,2026-03-01T10:00:00,1.50,EUR\n"
    table += b"8,u,2026-03-01 10:00:00+00,1.50,EUR\n"
    at = datetime(2026, 3, 1, 10)  # noqa: DTZ001 - a time without zone
    parquet = pa.table(
        {
            "click_id": ["a", "b"],
            "user_id": [1, 2],
            "click_timestamp": pa.array([at, at], pa.timestamp("us")),
        }
    )
    verdicts = checked(tmp_path, written(tmp_path / "t.csv", table))
    assert [verdict["reason"] for verdict in verdicts] == ["checkout_timestamp: has no zone", None]
    verdicts = checked(tmp_path, written(tmp_path / "t.parquet", parquet_bytes(parquet)), status=1)
    assert {verdict["reason"] for verdict in verdicts} == {"click_timestamp: has no zone"}
    adjusted = parquet.set_column(2, "click_timestamp", pa.array([at, at], pa.timestamp("ms", "UTC")))
    verdicts = checked(tmp_path, written(tmp_path / "u.parquet", parquet_bytes(adjusted)))
    assert [(verdict["line"], verdict["event_time"]) for verdict in verdicts] == [
        (1, "2026-03-01T10:00:00.000Z"),
        (2, "2026-03-01T10:00:00.000Z"),
    ]


def test_records_have_their_own_stream_and_arrival(tmp_path: Path) -> None:
    def record(stream: str, arrived_at: str, data: bytes) -> dict[str, str]:
        return {"stream": stream, "arrived_at": arrived_at, "data_base64": base64.b64encode(data).decode()}

    early = "2026-02-01T00:00:00+00:00"
    path = written(
        tmp_path / "records.jsonl",
        lines(
            record("clicks", early, lines(CLICK, CLICK)),
            record("checkouts", early, json.dumps(REFUND).encode()),
            record("orders", early, b"{}"),
            record("clicks", "2026-02-01T00:00:00", b"{}"),
            {"stream": "clicks", "arrived_at": early, "data_base64": "?"},
            {},
            5,
        ),
    )
    verdicts = checked(tmp_path, "--records", path)
    assert [
        (verdict["line"], verdict["index"], verdict["kind"], verdict["event_time"]) for verdict in verdicts[:3]
    ] == [
        (1, 0, "click", "2026-02-01T00:00:00.000Z"),
        (1, 1, "click", "2026-02-01T00:00:00.000Z"),
        (2, 0, "refund", "2026-02-01T00:00:00.000Z"),
    ]
    assert len(verdicts) == 8
    assert all("expected an object with stream" in verdict["reason"] for verdict in verdicts[3:])


@pytest.mark.parametrize("as_file", [False, True])
def test_a_mapping_reads_foreign_events(tmp_path: Path, as_file: bool) -> None:
    mapping = '[[event]]\nkind = "click"\nwhen = "type == `page`"\n[event.fields]\n'
    mapping += 'click_id = "id"\nuser_id = "who"\nclick_timestamp = "at"\n'
    page = {"type": "page", "id": "p1", "who": "u", "at": "2026-03-01T10:00:00Z"}
    if as_file:
        arguments: list[object] = ["--mapping", written(tmp_path / "mine.toml", mapping.encode())]
    else:
        arguments = ["--mapping", "segment"]
        page = {"type": "page", "messageId": "p1", "userId": "u", "timestamp": "2026-03-01T10:00:00Z"}
    path = written(tmp_path / "x", lines(page, {"type": "identify", "id": "i"}, "no object"))
    verdicts = checked(tmp_path, *arguments, path)
    assert [verdict["verdict"] for verdict in verdicts] == ["accepted", "ignored", "refused"]
    assert (verdicts[0]["kind"], verdicts[0]["id"], verdicts[0]["user_id"]) == ("click", "p1", "u")
