"""docs/send-events.md is true: its events validate, and each mistake has the outcome that its row states."""

import gzip
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from runtime.attribution_job.events import values
from runtime.attribution_job.events.contract import CHECKOUT, CLICK, Kind
from runtime.attribution_job.events.framing.compression import MAX_UNPACKED_BYTES
from runtime.attribution_job.events.framing.unpack import MAX_CONTAINERS, MAX_ENCODINGS, MAX_PIECES
from runtime.attribution_job.events.reading import Outcome, outcomes
from runtime.attribution_job.events.validation import MAX_BYTES
from runtime.data_generator.framing import kpl
from tests.docs.test_schemas import validates
from tests.runtime.data_generator.simulated import kind_of

PAGE = (Path(__file__).parents[2] / "docs" / "send-events.md").read_text()
ARRIVAL = datetime(2026, 3, 2, tzinfo=UTC)
(JSON_BLOCK,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
EVENTS: dict[Kind, dict[str, Any]] = {kind_of(event): event for event in map(json.loads, JSON_BLOCK.splitlines())}
ROWS = re.findall(r"^\| (.*?) \| (click|checkout|refund) \| (?:`(\{.*\})` )?\| (.*) \|$", PAGE, re.MULTILINE)
# Records that no change of a field makes, by the names of their rows.
RECORDS: dict[str, Callable[[bytes], bytes]] = {
    "Amount twice in one event": lambda data: data[:-1] + b', "total_amount": "39.90"}',
    "Not JSON": lambda data: data[:-1],
    "Latin-1": lambda data: data.replace(b"lamps", "lämps".encode("latin-1")),
    "UTF-16": lambda data: data.decode().encode("utf-16"),
    "Byte order mark": lambda data: b"\xef\xbb\xbf" + data,
    "Event of more than 1 MiB": lambda data: data.replace(b"lamps", b"l" * MAX_BYTES),
    "gzip that is cut": lambda data: gzip.compress(data)[:-4],
    "Aggregate with a wrong digest": lambda data: kpl([data], "u-4711")[:-1] + b"?",
    "Record without an event": lambda _: b"\n",
    "Empty array": lambda _: b"[]",
    "Message that a log subscription works": lambda _: gzip.compress(
        b'{"messageType": "CONTROL_MESSAGE", "logGroup": "", "logEvents": [{"id": "", "message": "checking"}]}'
    ),
}


def read(data: bytes, kind: Kind) -> Outcome:
    (outcome,) = outcomes(data, ARRIVAL, CLICK if kind == "click" else CHECKOUT)
    return outcome


def described(outcome: Outcome) -> str:
    """Returns an outcome in the words of the page."""
    if outcome.event is None:
        return "ignored" if outcome.ignored else f"refused: `{outcome.reason}`"
    repairs = [*outcome.event["repairs"], *(["unknown_fields"] if outcome.event["unknown_fields"] else [])]
    return f"accepted: {', '.join(f'`{repair}`' for repair in repairs)}" if repairs else "accepted"


def test_the_events_of_the_page_validate_and_need_no_repair() -> None:
    assert EVENTS.keys() == {"click", "checkout", "refund"}
    for kind, event in EVENTS.items():
        assert validates(event, kind)
        assert described(read(json.dumps(event).encode(), kind)) == "accepted"


@pytest.mark.parametrize(("mistake", "kind", "changes", "outcome"), ROWS, ids=[row[0] for row in ROWS])
def test_each_mistake_has_the_stated_outcome(mistake: str, kind: Kind, changes: str, outcome: str) -> None:
    event = EVENTS[kind] | json.loads(changes or "{}")
    data = json.dumps(event).encode()
    assert described(read(data if changes else RECORDS[mistake](data), kind)) == outcome


def test_the_table_has_every_record_and_every_repair() -> None:
    table = PAGE.partition("| Mistake |")[2].partition("\n\n")[0]
    assert len(ROWS) == len(table.splitlines()) - 2
    assert {row[0] for row in ROWS if not row[2]} == RECORDS.keys()
    sources = [path.read_text() for path in Path(values.__path__[0]).glob("*.py")]
    names = {name for source in sources for name in re.findall(r'repairs\.add\(\s*"(\w+)"', source)}
    assert len(names) > 10
    outcomes_of_page = " ".join(row[3] for row in ROWS)
    assert {name for name in names if f"`{name}`" not in outcomes_of_page} == set()


def test_the_bounds_of_the_page_are_those_of_the_code() -> None:
    assert (MAX_UNPACKED_BYTES, MAX_PIECES) == (16 * 1024 * 1024, 100_000)
    assert MAX_CONTAINERS == MAX_ENCODINGS == 2
    bounds = "may unpack to 16 MiB and 100,000 events, with at most two envelopes and two encodings around an event"
    assert bounds in " ".join(PAGE.split())
