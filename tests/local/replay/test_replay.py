import io
import json
from pathlib import Path

from local.replay.account import LineCounts
from local.replay.run import Source, chunks, interleave, to_records
from tests.local.commands import leftovers, run
from tests.local.watching import files_containing, watched

MEBIBYTE = 1024 * 1024


def click(click_id: object, user_id: object, at: str, **more: object) -> bytes:
    return json.dumps({"click_id": click_id, "user_id": user_id, "click_timestamp": at} | more).encode()


def checkout(checkout_id: str, user_id: str, at: str, amount: object, currency: object = "EUR") -> bytes:
    event = {"checkout_id": checkout_id, "user_id": user_id, "checkout_timestamp": at}
    return json.dumps(event | {"total_amount": amount, "currency": currency}).encode()


CLICKS = [
    click("late-in-file", "u1", "2019-03-01T10:30:00.000Z", utm_source="second"),
    b"",
    bytes(range(256)).replace(b"\n", b""),
    click("first", "u1", "2019-03-01T10:00:00.000Z", utm_source="first", utm_campaign='say "ä", no?'),
    click(5, "u1", "2019-03-01T10:00:00.000Z"),
    click("future", "u1", "2099-03-01T10:00:00.000Z"),
    b"x" * 2 * MEBIBYTE,
    click("first", "u1", "2019-03-01T10:00:00.000Z", utm_source="first", utm_campaign='say "ä", no?'),
    click("other", "u2", "2024-02-29T12:00:00.123456+01:00"),
    b"   ",
    b"[1, 2]",
    b'{"click_id": "half',
]
CHECKOUTS = [
    checkout("k4", "u2", "2024-02-29T11:00:00.123457Z", "1"),
    checkout("k1", "u1", "2019-03-01T11:00:00.000Z", "19.90", "USD"),
    checkout("k2", "u1", "2019-03-01T11:00:00.001Z", "0.05"),
    checkout("k3", "u3", "2019-03-01T11:00:00.001Z", "9999999999.99"),
    checkout("nan", "u1", "2019-03-01T11:00:00.000Z", "NaN"),
    checkout("number", "u1", "2019-03-01T11:00:00.000Z", 19.9),
    checkout("bitcoin", "u1", "2019-03-01T11:00:00.000Z", "1.00", "btc"),
]
OUTPUT = [
    "checkout_id,user_id,checkout_timestamp,click_id,click_timestamp,utm_source,utm_medium,utm_campaign,"
    "total_amount,currency",
    'k1,u1,2019-03-01T11:00:00.000Z,first,2019-03-01T10:00:00.000Z,first,,"say ""ä"", no?",19.90,USD',
    "k2,u1,2019-03-01T11:00:00.001Z,late-in-file,2019-03-01T10:30:00.000Z,second,,,0.05,EUR",
    "k3,u3,2019-03-01T11:00:00.001Z,,,,,,9999999999.99,EUR",
    "k4,u2,2024-02-29T11:00:00.123457Z,other,2024-02-29T11:00:00.123456Z,,,,1.00,EUR",
]


def test_a_replay_credits_valid_events_and_accounts_for_invalid_ones(tmp_path: Path) -> None:
    """All parts are real. No other user sees the password, and no other machine reaches a server."""
    (tmp_path / "clicks.jsonl").write_bytes(b"\n".join(CLICKS))
    (tmp_path / "checkouts.jsonl").write_bytes(b"\r\n".join(CHECKOUTS) + b"\r\n")
    output = tmp_path / "credits.csv"
    data = tmp_path / "data"
    with watched(data) as observations:
        result = run(data, "replay", tmp_path / "clicks.jsonl", tmp_path / "checkouts.jsonl", "--output", output)
    assert result.returncode == 0, result.stdout + result.stderr
    assert output.read_text().splitlines() == OUTPUT
    account = {row[0]: row[1] for row in rows_of(result.stdout) if row[0]}
    assert account | {"seconds": ""} == {
        "lines read": "19",
        "blank": "2",
        "published": "16",
        "accepted": "7",
        "duplicates": "1",
        "late": account["late"],
        "dead letters": "9",
        "checkouts": "4",
        "attributed": "3",
        "unattributed": "1",
        "seconds": "",
    }
    meanings = " ".join(row[2] for row in rows_of(result.stdout))
    for place in ("clicks.jsonl:3", "clicks.jsonl:5", "clicks.jsonl:6", "clicks.jsonl:7", "clicks.jsonl:11"):
        assert place in meanings
    assert "oversized (clicks.jsonl:7)" in meanings
    assert "checkouts.jsonl:5" in meanings
    assert leftovers(data) == []
    password = (data / "postgres" / "password").read_text()
    observations.check(["local.cloud", "postgres", "runtime.attribution_job", "java"], [password])
    assert files_containing(tmp_path, [password]) == {"data/postgres/password": 0o600}
    assert password not in result.stdout + result.stderr


def rows_of(table: str) -> list[list[str]]:
    """Returns the cells of a printed table, without its header."""
    lines = [line for line in table.splitlines() if line.startswith("│")][1:]
    return [[cell.strip() for cell in line.strip("│").split("│")] for line in lines]


def source(name: str, lines: list[bytes]) -> Source:
    content = b"\n".join(lines)
    stream = "clicks" if name == "clicks" else "checkouts"
    return Source(stream, Path(name), io.BytesIO(content), len(content))  # type: ignore[arg-type]


def test_both_files_are_read_to_the_same_share_at_any_time() -> None:
    clicks = source("clicks", [b"click-%03d" % number for number in range(1000)])
    checkouts = source("checkouts", [b"checkout-%03d" % number for number in range(100)])
    order = [(source.stream, line.number) for source, line in interleave([clicks, checkouts])]
    assert len(order) == 1100
    for place, (stream, number) in enumerate(order):
        if stream == "checkouts":
            assert abs(place - 11 * number) < 11


def test_an_empty_file_is_read_beside_another() -> None:
    order = interleave([source("clicks", []), source("checkouts", [b"a", b"b"])])
    assert [line.data for _, line in order] == [b"a", b"b"]


def test_lines_that_cannot_be_published_are_counted_and_located() -> None:
    line_counts = LineCounts()
    lines = [b"{}", b"", b" \t\r", b"x" * (MEBIBYTE + 1), b'{"user_id": "u"}']
    records = list(to_records(interleave([source("clicks", lines)]), line_counts))
    assert [(record.data, record.partition_key) for record in records] == [
        (b"{}", "line-1"),
        (b'{"user_id": "u"}', "u"),
    ]
    assert (line_counts.total, line_counts.blank, line_counts.oversized) == (5, 2, ["clicks:4"])


def test_a_chunk_in_memory_is_bounded_in_records_and_bytes() -> None:
    small = source("clicks", [b"%d" % number for number in range(5000)])
    assert [len(chunk) for chunk in chunks(to_records(interleave([small]), LineCounts()))] == [2000, 2000, 1000]
    large = source("clicks", [b"x" * 1_000_000] * 20)
    assert [len(chunk) for chunk in chunks(to_records(interleave([large]), LineCounts()))] == [9, 9, 2]
