"""Each mapping of ours turns a file of realistic foreign records into exactly the expected events.

tests/cases/mappings/<name>/ has three files with a line for each record: `records.jsonl`, the events by the mapping in
`mapped.jsonl`, and what the reader makes of these in `outcomes.jsonl`, without null, false and zero.
"""

import json
import subprocess
import sys
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from runtime.attribution_job.events.contract import CHECKOUT, CLICK
from runtime.attribution_job.events.mapping import built_in_names, load_mapping
from runtime.attribution_job.events.reading import Outcome, outcomes
from runtime.attribution_job.events.validation import parse_object

ROOT = Path(__file__).parents[5]
CASES = ROOT / "tests" / "cases" / "mappings"
ARRIVAL = datetime(2026, 3, 5, tzinfo=UTC)


def lines(name: str, file: str) -> list[bytes]:
    return (CASES / name / file).read_bytes().splitlines()


def parse_list(data: bytes) -> Any:
    return parse_object(b'{"list": %s}' % data)["list"]


def test_every_mapping_has_a_case() -> None:
    names = ["csv", "ga4", "segment", "shopify", "snowplow", "woocommerce"]
    assert built_in_names() == names == sorted(folder.name for folder in CASES.iterdir())


@pytest.mark.parametrize("name", built_in_names())
def test_foreign_records_become_the_expected_events(name: str) -> None:
    mapping = load_mapping(name)
    for record, mapped in zip(lines(name, "records.jsonl"), lines(name, "mapped.jsonl"), strict=True):
        events = [{"kind": kind} | event for kind, event in mapping.apply(parse_object(record))]
        assert events == parse_list(mapped), record.decode()


@pytest.mark.parametrize("stream_contract", [CLICK, CHECKOUT], ids=["clicks", "checkouts"])
@pytest.mark.parametrize("name", built_in_names())
def test_both_streams_read_mapped_events_alike(name: str, stream_contract: Any) -> None:
    mapping = load_mapping(name)
    for record, expected in zip(lines(name, "records.jsonl"), lines(name, "outcomes.jsonl"), strict=True):
        found = outcomes(record, ARRIVAL, stream_contract, mapping)
        assert [outcome.index for outcome in found] == list(range(len(found)))
        assert [summary(outcome) for outcome in found if not outcome.ignored] == json.loads(expected), record.decode()


def summary(outcome: Outcome) -> dict[str, Any]:
    """Returns what an outcome states: the reason, or the fields that have a value."""
    assert outcome.contract is not None
    kind = {"kind": outcome.contract.kind}
    if outcome.event is None:
        return kind | {"reason": outcome.reason}
    fields = {name: value for name, value in outcome.event.items() if value or name == "repairs"}
    return kind | {name: value.isoformat() if isinstance(value, datetime) else value for name, value in fields.items()}


@pytest.mark.parametrize("name", built_in_names())
def test_mapped_events_have_no_unknown_fields(name: str) -> None:
    mapping = load_mapping(name)
    for record in lines(name, "records.jsonl"):
        events = [outcome.event for outcome in outcomes(record, ARRIVAL, CLICK, mapping) if outcome.event]
        assert all(event["unknown_fields"] == 0 for event in events)


def test_mappings_load_from_the_zip_of_the_job(tmp_path: Path) -> None:
    archive = tmp_path / "job.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in (ROOT / "runtime" / "attribution_job" / "events").rglob("*"):
            if path.suffix in (".py", ".toml"):
                file.write(path, path.relative_to(ROOT))
        for package in ("runtime", "runtime/attribution_job"):
            file.writestr(f"{package}/__init__.py", "")
    program = (
        "from runtime.attribution_job.events import mapping as m; print(m.__file__, m.load_mapping('segment').name)"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(
        command, cwd=tmp_path, env={"PYTHONPATH": str(archive)}, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [str(archive / "runtime/attribution_job/events/mapping/__init__.py"), "segment"]
