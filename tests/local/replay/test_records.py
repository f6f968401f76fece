import gzip
import json
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from local.check.verdicts import Judge
from local.event_files import event_file
from local.event_files.routing import Routed
from local.event_files.rows import Row
from local.replay.records import LineCounts, Source, chunks, interleave, partition_key, to_records
from local.replay.stored import find
from runtime.attribution_job.events.contract import Kind
from runtime.attribution_job.events.mapping import load_mapping
from runtime.data_generator.simulation import Record
from tests.local.event_files.writing import written

MEBIBYTE = 1024 * 1024


def records_of(path: Path, contents: list[bytes], counts: LineCounts, mapping: str | None = None) -> list[Record]:
    """Returns the records of files with these contents; each file's default kind is the click."""
    loaded = load_mapping(mapping) if mapping else None
    with ExitStack() as stack:
        sources = []
        for number, content in enumerate(contents):
            file = stack.enter_context(event_file.opened(written(path / f"f{number}", content)))
            kind: Kind = "click"
            sources.append(
                Source(file, Judge(file=file.name, default_kind=kind, mapping=loaded, arrived_at=datetime.now(UTC)))
            )
        return list(to_records(interleave(sources, counts), counts))


def test_all_files_are_read_to_the_same_share_at_any_time(tmp_path: Path) -> None:
    clicks = b"\n".join(b'{"click_id": "%03d"}' % number for number in range(1000))
    checkouts = b"\n".join(b'{"checkout_id": "%03d", "text": "..."}' % number for number in range(100))
    order = records_of(tmp_path, [clicks, checkouts, b""], LineCounts())
    assert len(order) == 1100
    places = [place for place, record in enumerate(order) if record.stream == "checkouts"]
    assert all(abs(place - 11 * number) < 12 for number, place in enumerate(places))


def test_each_event_goes_to_the_stream_of_its_kind(tmp_path: Path) -> None:
    rows = [
        b'{"click_id": 1, "user_id": 7}',
        b'{"checkout_id": "k", "user_id": "u"}',
        b'{"refund_id": "r", "checkout_id": "k", "user_id": "u"}',
        b'[{"click_id": "a"}, {"click_id": "b"}]',
        b'{"click_id": "a"}{"checkout_id": "b"}',
        b'{"checkout_id": "half',
        b"nothing",
    ]
    counts = LineCounts()
    records = records_of(tmp_path, [b"\n".join(rows)], counts)
    assert [(record.stream, record.partition_key) for record in records] == [
        ("clicks", "7"),
        ("checkouts", "u"),
        ("checkouts", "u"),
        ("clicks", "line-4"),
        ("clicks", "line-5"),
        ("checkouts", "line-5"),
        ("checkouts", "line-6"),
        ("clicks", "line-7"),
    ]
    assert (counts.lines, counts.split, counts.events) == (7, 1, 9)


def test_mapped_records_go_to_the_stream_of_their_first_event(tmp_path: Path) -> None:
    time = "2026-03-01T10:00:00Z"
    page = {"type": "page", "messageId": "m", "userId": "u", "timestamp": time}
    order = {"type": "track", "event": "Order Completed", "userId": "v", "timestamp": time, "messageId": "n"}
    other = {"type": "identify", "userId": "w", "timestamp": time, "messageId": "o"}
    content = "\n".join(map(json.dumps, [page, order | {"properties": {"order_id": "o"}}, other, 5])).encode()
    counts = LineCounts()
    records = records_of(tmp_path, [content], counts, "segment")
    assert [record.stream for record in records] == ["clicks", "checkouts", "clicks", "clicks"]
    assert [record.partition_key for record in records] == ["u", "v", "line-3", "line-4"]
    assert counts.events == 4


def test_rows_that_cannot_be_published_are_counted_and_located(tmp_path: Path) -> None:
    counts = LineCounts()
    content = b"\n".join([b"{}", b"", b" \t\r", b"x" * (MEBIBYTE + 1), b'{"user_id": "u"}', b"y" * (MEBIBYTE - 2)])
    records = records_of(tmp_path, [content], counts)
    assert [(record.data, record.partition_key) for record in records] == [
        (b"{}", "line-1"),
        (b'{"user_id": "u"}', "u"),
    ]
    assert (counts.lines, counts.blank) == (6, 2)
    assert dict(counts.unreadable.examples) == {"oversized: more than 1 MiB": ["f0:4", "f0:6"]}


def test_the_rest_of_a_cut_file_is_named_and_other_files_are_read_on(tmp_path: Path) -> None:
    counts = LineCounts()
    records = records_of(tmp_path, [gzip.compress(b"{}\n" * 5)[:-4], b'{"a": 1}\n' * 5], counts)
    assert len(records) == 10
    assert ["ends too early" in message for message in counts.broken] == [True]


@pytest.mark.parametrize(
    ("user_id", "key"),
    [
        ("u1", "u1"),
        ("ü" * 256, "ü" * 256),
        ("u" * 257, "line-7"),
        ("", "line-7"),
        (None, "line-7"),
        ("\ud800", "line-7"),
    ],
    ids=range(6),
)
def test_the_partition_key_is_the_user_if_the_event_has_one(user_id: str | None, key: str) -> None:
    assert partition_key(Routed("clicks", 0, b"{}", user_id), Row(7, 0, b"{}", None, 0)) == key


def test_a_chunk_in_memory_is_bounded_in_records_and_bytes() -> None:
    def records(count: int, data: bytes) -> list[Record]:
        return [Record("clicks", "u", data, late=False, defect=None)] * count

    assert [len(chunk) for chunk in chunks(records(5000, b"{}"))] == [2000, 2000, 1000]
    assert [len(chunk) for chunk in chunks(records(20, b"x" * 1_000_000))] == [9, 9, 2]


def test_refused_events_are_found_in_files_of_any_format(tmp_path: Path) -> None:
    table = written(tmp_path / "t.csv", b"click_id,user_id\nc,null\nd,u\n")
    array = written(tmp_path / "a.json", gzip.compress(b'[{"click_id": 1},\n [{"click_id": 2}, {"click_id": 3}]]'))
    lines = written(tmp_path / "l.jsonl", b'{"a": 1}\n[{"click_id": 4}, {"click_id": 5}]')
    contents = [b'{"click_id": "c", "user_id": "null"}', b'{"click_id": 3}', b'{"click_id": 5}', b"not there"]
    assert find(set(contents), [table, array, lines]) == dict(
        zip(contents, ["t.csv:2", "a.json:2", "l.jsonl:2"], strict=False)
    )
