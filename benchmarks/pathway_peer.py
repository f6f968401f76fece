"""`python -m benchmarks.pathway_peer FOLDER [--postgres SETTINGS]`: the attribution rule in Pathway.

Runs in an environment of its own. Reads the event files as a bounded input, joins clicks and checkouts by user and an
interval of an hour, keeps each checkout's first click, and writes clicks, checkouts and credits to the tables of
`schema`, by Pathway's own writer. Without `--postgres`, credits go nowhere. Prints a line of JSON: `seconds`.
"""

import argparse
import datetime
import json
import time
from pathlib import Path
from typing import Any

import pathway as pw

CREDITED = ["checkout_id", "user_id", "checkout_timestamp", "total_amount", "currency"]
COPIED = ["click_id", "click_timestamp", "utm_source", "utm_medium", "utm_campaign"]
FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"
HOUR = datetime.timedelta(hours=1)


CLICK = {
    "click_id": str,
    "user_id": str,
    "session_id": str | None,
    "product_id": str | None,
    "page_url": str | None,
    "utm_source": str | None,
    "utm_medium": str | None,
    "utm_campaign": str | None,
    "device_type": str | None,
    "click_timestamp": str,
}
CHECKOUT = {
    "checkout_id": str,
    "user_id": str,
    "session_id": str | None,
    "items": pw.Json | None,
    "total_amount": str,
    "currency": str,
    "payment_method": str | None,
    "checkout_timestamp": str,
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path, help="folder with clicks/ and checkouts/")
    parser.add_argument("--postgres", type=json.loads, help="connection settings as JSON; default: nothing is stored")
    options = parser.parse_args()
    clicks = _read(options.folder / "clicks", CLICK, "click_timestamp")
    checkouts = _read(options.folder / "checkouts", CHECKOUT, "checkout_timestamp")
    credits = first_clicks(clicks, checkouts)
    if options.postgres:
        for table, name in ((clicks, "raw_clicks"), (checkouts, "raw_checkouts"), (credits, "credits")):
            pw.io.postgres.write(table, options.postgres, name, schema_name="pathway")
    else:
        pw.io.null.write(credits)
    began = time.monotonic()
    pw.run(monitoring_level=pw.MonitoringLevel.NONE)
    print(json.dumps({"seconds": time.monotonic() - began}), flush=True)


def first_clicks(clicks: Any, checkouts: Any) -> Any:
    """Returns each checkout with its first click in the hour before it, or with nulls."""
    pairs = checkouts.interval_join_inner(
        clicks,
        checkouts.checkout_timestamp,
        clicks.click_timestamp,
        pw.temporal.interval(-HOUR, datetime.timedelta(0)),
        checkouts.user_id == clicks.user_id,
    ).select(checkout=checkouts.id, click=clicks.id, place=pw.make_tuple(clicks.click_timestamp, clicks.click_id))
    first = pairs.groupby(pairs.checkout, id=pairs.checkout).reduce(click=pw.reducers.argmin(pairs.place, pairs.click))
    credited = checkouts.join_left(first, checkouts.id == first.id, id=checkouts.id).select(
        *(checkouts[name] for name in CREDITED), click=first.click
    )
    click = clicks.ix(credited.click, optional=True)
    return credited.without(credited.click) + click.select(*(click[name] for name in COPIED))


def _read(folder: Path, types: dict[str, Any], time_column: str) -> Any:
    table = pw.io.jsonlines.read(folder, schema=pw.schema_from_types(**types), mode="static")
    return table.with_columns(**{time_column: table[time_column].dt.strptime(FORMAT).dt.to_utc("UTC")})


if __name__ == "__main__":
    main()
