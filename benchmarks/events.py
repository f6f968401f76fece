"""Seeded shops as files: what every competitor reads."""

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
# Arrival differs from event time by up to this much, well within the watermark.
DISORDER_MS = 20_000
USER = re.compile('"user_id":"([^"]*)"')
CHANNELS = [("google", "cpc", "brand"), ("google", "organic", None), ("newsletter", "email", "weekly"), (None,) * 3]


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A workload's size. `bot_share` of the clicks are one user's; one event in `late_every` is ten minutes old."""

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
    """Writes every event in order of arrival, for readers that take file after file; and once more in `shards`.

    `clicks/NNNN.jsonl` and `checkouts/NNNN.jsonl`: file N of both is of one time. `shards/<kind>/N.jsonl`: the
    events of some users. Flink takes files in no order, so that it needs the latter to find few of them late.
    """
    per_file = -(-shape.events // files)
    with ProcessPoolExecutor() as processes:
        written = [
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
    for file in written:
        file.result()
    for kind in KINDS if shards else ():
        _write_shards(folder, kind, shards)


def _write_file(folder: Path, shape: Shape, number: int, places: range, seed: int) -> None:
    chance = random.Random(f"{seed} {number}")  # noqa: S311 - a shop, not a secret
    with _open(folder / "clicks", number) as clicks, _open(folder / "checkouts", number) as checkouts:
        files = {"clicks": clicks, "checkouts": checkouts}
        for place in places:
            kind, event = _event(chance, shape, place)
            files[kind].write(json.dumps(event, separators=(",", ":")) + "\n")


def _write_shards(folder: Path, kind: str, count: int) -> None:
    with ExitStack() as stack:
        shards = [stack.enter_context(_open(folder / "shards" / kind, number)) for number in range(count)]
        for path in sorted((folder / kind).glob("*.jsonl")):
            with path.open() as lines:
                for line in lines:
                    shards[zlib.crc32(_user(line)) % count].write(line)


def _user(line: str) -> bytes:
    found = USER.search(line)
    return found[1].encode() if found else b""


def _open(folder: Path, number: int) -> TextIO:
    folder.mkdir(parents=True, exist_ok=True)
    return (folder / f"{number:04d}.jsonl").open("w")


def _event(chance: random.Random, shape: Shape, place: int) -> tuple[str, dict[str, Any]]:
    # Spread evenly, as Bresenham draws a line.
    sale = (place + 1) * shape.checkouts // shape.events > place * shape.checkouts // shape.events
    ms = round(place * shape.hours * HOUR_MS / shape.events) - chance.randrange(DISORDER_MS)
    if shape.late_every and place % shape.late_every == 0:
        ms -= 600_000
    is_bot = not sale and chance.random() < shape.bot_share
    user = "user-bot" if is_bot else f"user-{chance.randrange(shape.users):07d}"
    at = START + timedelta(hours=1, milliseconds=ms)
    return "checkouts" if sale else "clicks", event(chance, at, user, sale=sale)


def event(chance: random.Random, at: datetime, user: str, *, sale: bool) -> dict[str, Any]:
    """An event as the shop sends it, some 320 bytes of JSON."""
    stamp = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    session, product = f"s-{chance.getrandbits(48):012x}", f"product-{chance.randrange(5000):05d}"
    number = f"{chance.getrandbits(64):016x}"
    if sale:
        return {
            "schema_version": 1, "checkout_id": f"k-{number}", "user_id": user, "session_id": session,
            "items": [{"product_id": product, "quantity": 2, "unit_price": "9.95"}], "total_amount": "19.90",
            "currency": "EUR", "payment_method": "card", "checkout_timestamp": stamp,
        }  # fmt: skip
    source, medium, campaign = chance.choice(CHANNELS)
    return {
        "schema_version": 1, "click_id": f"c-{number}", "user_id": user, "session_id": session, "product_id": product,
        "page_url": f"https://shop.example/products/{product}", "utm_source": source, "utm_medium": medium,
        "utm_campaign": campaign, "device_type": "mobile", "click_timestamp": stamp,
    }  # fmt: skip
