"""Event files of a simulated shop, the input of every competitor. Deterministic by seed."""

import json
import random
import re
import zlib
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TextIO

KINDS = ("clicks", "checkouts")
SHARDS = 2
START = datetime(2026, 11, 1, tzinfo=UTC)
HOUR_MS = 3_600_000
# Largest difference between event time and arrival order, well within the watermark.
DISORDER_MS = 20_000
USER_ID = re.compile('"user_id":"([^"]*)"')
CHANNELS = [("google", "cpc", "brand"), ("google", "organic", None), ("newsletter", "email", "weekly"), (None,) * 3]


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A workload's size.

    Attributes:
        hours: the period of the event times.
        bot_share: share of the clicks that one user makes.
        late_every: one event in this many is ten minutes late; 0 for none.
    """

    clicks: int
    checkouts: int
    users: int
    hours: float
    bot_share: float = 0.0
    late_every: int = 0

    @property
    def events(self) -> int:
        return self.clicks + self.checkouts


def write(folder: Path, shape: Shape, *, files: int, shards: int, seed: int = 6) -> None:
    """Writes all events in order of arrival, as JSON lines in `files` files per kind, and again in `shards` files.

    `clicks/NNNN.jsonl` and `checkouts/NNNN.jsonl`: files with the same number cover the same time, for readers that
    read one file after the other. `shards/<kind>/NNNN.jsonl`: each shard has all events of its users. Flink reads
    files in no particular order, and from shards it sees few events as late.
    """
    per_file = -(-shape.events // files)
    with ProcessPoolExecutor() as processes:
        pending_files = [
            processes.submit(
                _write_file,
                folder,
                shape,
                number,
                range(number * per_file, min((number + 1) * per_file, shape.events)),
                seed,
            )
            for number in range(files)
        ]
    for file in pending_files:
        file.result()
    for kind in KINDS if shards else ():
        _write_shards(folder, kind, shards)


def _write_file(folder: Path, shape: Shape, number: int, positions: range, seed: int) -> None:
    rng = random.Random(f"{seed} {number}")  # noqa: S311 - a simulation, not a secret
    with _open(folder / "clicks", number) as clicks, _open(folder / "checkouts", number) as checkouts:
        files = {"clicks": clicks, "checkouts": checkouts}
        for position in positions:
            kind, event = _event(rng, shape, position)
            files[kind].write(json.dumps(event, separators=(",", ":")) + "\n")


def _write_shards(folder: Path, kind: str, count: int) -> None:
    with ExitStack() as stack:
        shards = [stack.enter_context(_open(folder / "shards" / kind, number)) for number in range(count)]
        for path in sorted((folder / kind).glob("*.jsonl")):
            with path.open() as lines:
                for line in lines:
                    shards[zlib.crc32(_user_id(line)) % count].write(line)


def _user_id(line: str) -> bytes:
    match = USER_ID.search(line)
    return match[1].encode() if match else b""


def _open(folder: Path, number: int) -> TextIO:
    folder.mkdir(parents=True, exist_ok=True)
    return (folder / f"{number:04d}.jsonl").open("w")


def _event(rng: random.Random, shape: Shape, position: int) -> tuple[str, dict[str, Any]]:
    # Spreads the checkouts evenly over the positions, like Bresenham's line algorithm.
    is_checkout = (position + 1) * shape.checkouts // shape.events > position * shape.checkouts // shape.events
    ms = round(position * shape.hours * HOUR_MS / shape.events) - rng.randrange(DISORDER_MS)
    if shape.late_every and position % shape.late_every == 0:
        ms -= 600_000
    is_bot = not is_checkout and rng.random() < shape.bot_share
    user = "user-bot" if is_bot else f"user-{rng.randrange(shape.users):07d}"
    at = START + timedelta(hours=1, milliseconds=ms)
    return "checkouts" if is_checkout else "clicks", event(rng, at, user, is_checkout=is_checkout)


def event(rng: random.Random, at: datetime, user: str, *, is_checkout: bool) -> dict[str, Any]:
    """Returns a click or a checkout with all fields of the contract, about 320 bytes of JSON."""
    stamp = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    session, product = f"s-{rng.getrandbits(48):012x}", f"product-{rng.randrange(5000):05d}"
    number = f"{rng.getrandbits(64):016x}"
    if is_checkout:
        return {
            "schema_version": 1, "checkout_id": f"k-{number}", "user_id": user, "session_id": session,
            "items": [{"product_id": product, "quantity": 2, "unit_price": "9.95"}], "total_amount": "19.90",
            "currency": "EUR", "payment_method": "card", "checkout_timestamp": stamp,
        }  # fmt: skip
    source, medium, campaign = rng.choice(CHANNELS)
    return {
        "schema_version": 1, "click_id": f"c-{number}", "user_id": user, "session_id": session, "product_id": product,
        "page_url": f"https://shop.example/products/{product}", "utm_source": source, "utm_medium": medium,
        "utm_campaign": campaign, "device_type": "mobile", "click_timestamp": stamp,
    }  # fmt: skip
