"""`python -m benchmarks.flink`: the same rule in Flink SQL, in the benchmarks' own environment.

A rowtime interval left join and ROW_NUMBER = 1, as Flink's documentation writes it:
https://nightlies.apache.org/flink/flink-docs-stable/docs/dev/table/sql/queries/joins/#interval-joins
"""

import argparse
import json
import os
import time
from pathlib import Path

from pyflink.table import EnvironmentSettings, TableEnvironment

CLICKS = ["click_id", "user_id", "session_id", "product_id", "page_url", "utm_source", "utm_medium", "utm_campaign",
          "device_type", "click_timestamp"]  # fmt: skip
# Flink gives a list as its JSON where text is asked for.
CHECKOUTS = ["checkout_id", "user_id", "session_id", "items", "total_amount", "currency", "payment_method",
             "checkout_timestamp"]  # fmt: skip
CREDITS = ["checkout_id", "user_id", "checkout_timestamp", "total_amount", "currency", "click_id", "click_timestamp",
           "utm_source", "utm_medium", "utm_campaign"]  # fmt: skip
# What raw rows have beside their event. Kinesis has no part in this: they arrive when they are read.
BESIDE = ["arrived_at", "late"]
# ROW_NUMBER is over the join's rows, of which the left join holds the uncredited back until the watermark has passed.
FIRST_CLICK = """
SELECT checkout_id, user_id, checkout_timestamp, total_amount, currency, click_id, click_timestamp,
       utm_source, utm_medium, utm_campaign
  FROM (
       SELECT k.checkout_id, k.user_id, k.checkout_timestamp, k.total_amount, k.currency, c.click_id,
              c.click_timestamp, c.utm_source, c.utm_medium, c.utm_campaign,
              ROW_NUMBER() OVER (PARTITION BY k.checkout_id ORDER BY c.click_timestamp, c.click_id) AS place
         FROM checkouts k
         LEFT JOIN clicks c
           ON c.user_id = k.user_id AND c.event_time BETWEEN k.event_time - INTERVAL '1' HOUR AND k.event_time
       )
 WHERE place = 1
"""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path, help="with clicks/ and checkouts/")
    parser.add_argument("state", choices=["hashmap", "rocksdb"])
    parser.add_argument("--output", type=Path, help="where raw rows and credits go, as CSV; else nowhere")
    parser.add_argument("--checkpoints", type=Path, required=True)
    options = parser.parse_args()
    table = environment(options.state, options.checkpoints)
    declare_sources(table, options.folder)
    declare_sinks(table, options.output)
    statements = table.create_statement_set()
    statements.add_insert_sql(f"INSERT INTO credits {FIRST_CLICK}")
    if options.output:
        for kind, fields in (("clicks", CLICKS), ("checkouts", CHECKOUTS)):
            columns = f"{', '.join(fields)}, CAST(CURRENT_TIMESTAMP AS STRING), 'false'"
            statements.add_insert_sql(f"INSERT INTO raw_{kind} SELECT {columns} FROM {kind}")  # noqa: S608 - ours
    began = time.monotonic()
    statements.execute().wait()
    print(json.dumps({"seconds": time.monotonic() - began}), flush=True)


def environment(state: str, checkpoints: Path) -> TableEnvironment:
    table = TableEnvironment.create(EnvironmentSettings.in_streaming_mode())
    settings = {
        "parallelism.default": str(os.cpu_count()),
        "execution.checkpointing.interval": "3 s",
        "execution.checkpointing.dir": checkpoints.as_uri(),
        "state.backend.type": state,
        "table.exec.source.idle-timeout": "0 ms",
        "table.local-time-zone": "UTC",
        "taskmanager.memory.process.size": "3g",
    }
    for name, value in settings.items():
        table.get_config().set(name, value)
    return table


def declare_sources(table: TableEnvironment, folder: Path) -> None:
    for kind, fields in (("clicks", CLICKS), ("checkouts", CHECKOUTS)):
        time_of_event = f"TO_TIMESTAMP_LTZ({fields[-1]}, 'yyyy-MM-dd''T''HH:mm:ss.SSS''Z''')"
        table.execute_sql(f"""
            CREATE TABLE {kind} (
                {texts(fields)},
                event_time AS {time_of_event},
                WATERMARK FOR event_time AS event_time - INTERVAL '5' MINUTE
            ) WITH ('connector' = 'filesystem', 'path' = '{(folder / kind).as_uri()}', 'format' = 'json')
        """)


def declare_sinks(table: TableEnvironment, output: Path | None) -> None:
    sinks = {"credits": CREDITS}
    if output:
        sinks |= {"raw_clicks": CLICKS + BESIDE, "raw_checkouts": CHECKOUTS + BESIDE}
    for name, fields in sinks.items():
        table.execute_sql(f"CREATE TABLE {name} ({texts(fields)}) WITH ({place(output and output / name)})")


def place(folder: Path | None) -> str:
    if folder is None:
        return "'connector' = 'blackhole'"
    # Files are finished early, so that they can be loaded while Flink goes on.
    return f"""
        'connector' = 'filesystem', 'path' = '{folder.as_uri()}', 'format' = 'csv',
        'sink.rolling-policy.rollover-interval' = '2 s', 'sink.rolling-policy.check-interval' = '1 s'
    """


def texts(fields: list[str]) -> str:
    return ", ".join(f"{field} STRING" for field in fields)


if __name__ == "__main__":
    main()
