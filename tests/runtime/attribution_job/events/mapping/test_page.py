"""The worked example of docs/event-mappings.md works as it is printed, and the page's lists are complete."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from runtime.attribution_job.events.contract import CLICK, CONTRACTS, Contract
from runtime.attribution_job.events.mapping import built_in_names, load_mapping
from runtime.attribution_job.events.mapping.functions import Functions
from runtime.attribution_job.events.reading import outcomes

PAGE = (Path(__file__).parents[5] / "docs" / "event-mappings.md").read_text()
ARRIVAL = datetime(2026, 3, 5, tzinfo=UTC)
(EXAMPLE,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
RECORDS, EVENTS = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)


def test_the_example_makes_the_printed_events(tmp_path: Path) -> None:
    (tmp_path / "my-shop.toml").write_text(EXAMPLE)
    mapping = load_mapping(str(tmp_path / "my-shop.toml"))
    mapped = [event for record in RECORDS.splitlines() for event in mapping.apply(json.loads(record))]
    assert [{"kind": kind} | event for kind, event in mapped] == [json.loads(line) for line in EVENTS.splitlines()]
    read = [outcome for line in RECORDS.splitlines() for outcome in outcomes(line.encode(), ARRIVAL, CLICK, mapping)]
    assert [outcome.contract and outcome.contract.kind for outcome in read] == ["click", "checkout", "refund", None]
    assert [outcome.reason for outcome in read] == [None] * 4
    assert read[-1].ignored


@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=CONTRACTS)
def test_the_page_lists_every_field(contract: Contract) -> None:
    (printed,) = re.findall(rf"- `{contract.kind}`: (.*?)\n(?=- |\n)", PAGE, re.DOTALL)
    fields = re.split(r",\s+", printed)
    required = [f"**{field}**" for field in contract.required]
    assert fields == required + sorted(contract.fields - set(contract.required))


def test_the_page_lists_every_function_and_mapping_of_ours() -> None:
    from jmespath.functions import Functions as Standard  # noqa: PLC0415  beside its namesake

    own = Functions.FUNCTION_TABLE.keys() - Standard.FUNCTION_TABLE.keys()
    assert own == set(re.findall(r"^\| `(\w+)\(", PAGE, re.MULTILINE))
    assert built_in_names() == sorted(re.findall(r"^\| `(\w+)` \|.*\|.*\|.*\|.*\|$", PAGE, re.MULTILINE))


@pytest.mark.parametrize("message", re.findall(r"^    my-shop.toml: (.*)$", PAGE, re.MULTILINE))
def test_the_printed_refusals_are_those_of_the_loader(tmp_path: Path, message: str) -> None:
    mistakes = {
        "fields.total:": EXAMPLE.replace("total_amount =", "total ="),
        "fields.user_id:": EXAMPLE.replace("user_id =", "#", 1),
        "when:": EXAMPLE.replace("\"topic == 'visit'\"", "'topic == \"visit\"'"),
    }
    (content,) = (content for key, content in mistakes.items() if key in message)
    (tmp_path / "my-shop.toml").write_text(content)
    with pytest.raises(ValueError, match=re.escape(message)) as refusal:
        load_mapping(str(tmp_path / "my-shop.toml"))
    assert str(refusal.value).removeprefix(f"{tmp_path}/my-shop.toml: ") == message
