import csv
import json
from pathlib import Path

import pytest

from tests.local.commands import leftovers, run
from tests.local.event_files.writing import written
from tests.local.watching import files_containing, watched

MEBIBYTE = 1024 * 1024


def click(click_id: object, user_id: object, at: str, **more: object) -> bytes:
    return json.dumps({"click_id": click_id, "user_id": user_id, "click_timestamp": at} | more).encode()


def checkout(
    checkout_id: str, user_id: str, at: str, amount: object, currency: object = "EUR", **more: object
) -> bytes:
    event = {"checkout_id": checkout_id, "user_id": user_id, "checkout_timestamp": at}
    return json.dumps(event | {"total_amount": amount, "currency": currency} | more).encode()


def refund(refund_id: str, checkout_id: str, user_id: str, at: str, amount: object) -> bytes:
    event = {"refund_id": refund_id, "checkout_id": checkout_id, "user_id": user_id, "refund_timestamp": at}
    return json.dumps(event | {"amount": amount, "currency": "EUR"}).encode()


CLICKS = [
    click("late-in-file", "u1", "2019-03-01T10:30:00.000Z", utm_source="second"),
    b"",
    bytes(range(256)).replace(b"\n", b""),
    click("first", "u1", "2019-03-01T10:00:00.000Z", utm_source="first", utm_campaign='say "ä", no?'),
    click(5, "u5", "2019-03-01T10:00:00.000Z"),
    click("c6", "null", "2019-03-01T10:00:00.000Z"),
    b"x" * 2 * MEBIBYTE,
    click("first", "u1", "2019-03-01T10:00:00.000Z", utm_source="first", utm_campaign='say "ä", no?'),
    click("other", "u2", "2024-02-29T12:00:00.123456+01:00"),
    b"   ",
    b"[1, 2]",
    b'{"click_id": "half',
    click("robot", "u1", "2019-03-01T10:00:00.000Z", is_bot=True),
    b"[" + b",".join(click(f"in-list-{minute}", "u3", f"2019-03-01T10:{minute}:00Z") for minute in (10, 20)) + b"]",
]
CHECKOUTS = [
    checkout("k4", "u2", "2024-02-29T11:00:00.123457Z", 1),
    checkout("k1", "u1", "2019-03-01T11:00:00.000Z", "19.90", "usd"),
    checkout("k2", "u1", "2019-03-01T11:00:00.001Z", "0.05"),
    checkout("k3", "u3", "2019-03-01T11:00:00.001Z", "999999999999999.9999"),
    checkout("nan", "u1", "2019-03-01T11:00:00.000Z", "NaN"),
    checkout("bitcoin", "u1", "2019-03-01T11:00:00.000Z", "1.00", "btc"),
    checkout("k1", "u1", "2019-03-01T11:00:00.000Z", "20.90", "USD"),
    checkout("k2", "u1", "2019-03-01T11:00:00.001Z", "0.10", revision=1),
    checkout("test", "u1", "2019-03-01T11:00:00.000Z", "9.99", test=True),
    refund("r1", "k2", "u1", "2019-03-02T11:00:00.000Z", "0.01"),
]
OUTPUT = [
    "checkout_id,user_id,checkout_timestamp,click_id,click_timestamp,utm_source,utm_medium,utm_campaign,"
    "total_amount,currency",
    'k1,u1,2019-03-01T11:00:00.000Z,first,2019-03-01T10:00:00.000Z,first,,"say ""ä"", no?",19.90,USD',
    "k2,u1,2019-03-01T11:00:00.001Z,late-in-file,2019-03-01T10:30:00.000Z,second,,,0.10,EUR",
    "k3,u3,2019-03-01T11:00:00.001Z,in-list-10,2019-03-01T10:10:00.000Z,,,,999999999999999.9999,EUR",
    "k4,u2,2024-02-29T11:00:00.123457Z,other,2024-02-29T11:00:00.123456Z,,,,1.00,EUR",
]


def test_a_replay_credits_valid_events_and_accounts_for_all_others(tmp_path: Path) -> None:
    """All parts are real. No other user sees the password, and no other machine reaches a server."""
    clicks = written(tmp_path / "clicks.jsonl", b"\n".join(CLICKS))
    checkouts = written(tmp_path / "checkouts.jsonl", b"\r\n".join(CHECKOUTS) + b"\r\n")
    output = tmp_path / "credits.csv"
    data = tmp_path / "data"
    with watched(data) as observations:
        result = run(data, "replay", clicks, checkouts, "--output", output)
    assert result.returncode == 0, result.stdout + result.stderr
    assert output.read_text().splitlines() == OUTPUT
    account = {row[0]: row[1] for row in rows_of(result.stdout) if row[0]}
    assert account | {"seconds": ""} == {
        "lines read": "24",
        "blank": "2",
        "published": "21",
        "events": "23",
        "accepted": "13",
        "duplicates": "3",
        "revisions": "1",
        "conflicts": "1",
        "ignored": "0",
        "late": account["late"],
        "repaired": "3",
        "dead letters": "8",
        "checkouts": "4",
        "attributed": "4",
        "unattributed": "0",
        "test orders": "1",
        "robots' clicks": "1",
        "seconds": "",
    }
    meanings = " ".join(row[2] for row in rows_of(result.stdout))
    for place in ("clicks.jsonl:3", "clicks.jsonl:6", "clicks.jsonl:7", "clicks.jsonl:11", "clicks.jsonl:12"):
        assert place in meanings
    assert "oversized: more than 1 MiB (clicks.jsonl:7)" in meanings
    assert "checkouts.jsonl:5" in meanings
    assert "checkout (k1)" in meanings
    assert "7 clicks, 5 checkouts, 1 refund" in meanings
    for repair in ("number_as_id", "amount_from_number", "currency_spelling"):
        assert repair in meanings
    assert leftovers(data) == []
    password = (data / "postgres" / "password").read_text()
    observations.check(["local.cloud", "postgres", "runtime.attribution_job", "java"], [password])
    assert files_containing(tmp_path, [password]) == {"data/postgres/password": 0o600}
    assert password not in result.stdout + result.stderr


def test_a_replay_reads_foreign_events_by_a_mapping(tmp_path: Path) -> None:
    base: dict[str, object] = {
        "userId": "u",
        "context": {"campaign": {"source": "google", "medium": "cpc", "name": "spring"}},
    }
    order = {"order_id": "o1", "total": 39.9, "currency": "EUR"}
    events: list[dict[str, object]] = [
        {"type": "page", "messageId": "m1", "timestamp": "2026-03-01T10:00:00Z"},
        {"type": "identify", "messageId": "m2", "timestamp": "2026-03-01T10:01:00Z"},
        {"type": "track", "event": "Order Completed", "messageId": "m3", "timestamp": "2026-03-01T10:20:00Z"}
        | {"properties": order},
    ]
    path = written(tmp_path / "events.json", json.dumps([base | event for event in events]).encode())
    output = tmp_path / "credits.csv"
    result = run(tmp_path / "data", "replay", path, "--mapping", "segment", "--output", output)
    assert result.returncode == 0, result.stdout + result.stderr
    (row,) = csv.DictReader(output.read_text().splitlines())
    assert (row["checkout_id"], row["click_id"], row["utm_source"]) == ("o1", "m1", "google")
    assert row["total_amount"] == "39.90"
    account = {row[0]: row[1] for row in rows_of(result.stdout) if row[0]}
    assert (account["events"], account["accepted"], account["ignored"]) == ("3", "2", "1")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"customer,order\nu,k\n", "none of its columns is click_id"),
        (CLICKS[5] + b"\n", "no event in it is accepted: user_id: a placeholder (1)"),
    ],
    ids=["columns", "values"],
)
def test_a_file_without_an_accepted_event_is_refused_before_a_server_starts(
    tmp_path: Path, content: bytes, message: str
) -> None:
    good = written(tmp_path / "good.jsonl", CLICKS[0])
    bad = written(tmp_path / "bad.csv", content)
    result = run(tmp_path / "data", "replay", good, bad, "--output", tmp_path / "out.csv")
    assert result.returncode == 1
    assert f"{bad}: " in result.stderr
    assert message in result.stderr
    assert not (tmp_path / "data").exists()
    assert not (tmp_path / "out.csv").exists()


def rows_of(table: str) -> list[list[str]]:
    """Returns the cells of a printed table, without its header."""
    lines = [line for line in table.splitlines() if line.startswith("│")][1:]
    return [[cell.strip() for cell in line.strip("│").split("│")] for line in lines]
