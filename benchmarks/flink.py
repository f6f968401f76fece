"""`python -m benchmarks.flink`: the attribution rule in Flink SQL, in the benchmarks' own Python environment.

Uses a rowtime interval left join and ROW_NUMBER = 1, in the form that Flink's documentation gives:
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
# `items` is declared as a string, and Flink then returns the list's JSON text.
CHECKOUTS = ["checkout_id", "user_id", "session_id", "items", "total_amount", "currency", "payment_method",
             "checkout_timestamp"]  # fmt: skip
CREDITS = ["checkout_id", "user_id", "checkout_timestamp", "total_amount", "currency", "click_id", "click_timestamp",
           "utm_source", "utm_medium", "utm_campaign"]  # fmt: skip
# Columns of raw rows that are not fields of events. Without Kinesis, the time of reading is the arrival time.
ARRIVAL_COLUMNS = ["arrived_at", "late"]
# ROW_NUMBER ranks the join's rows. The left join emits a checkout without a click once the watermark has passed.
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
    parser.add_argument("folder", type=Path, help="folder with clicks/ and checkouts/")
    parser.add_argument("state", choices=["hashmap", "rocksdb"], help="state backend")
    parser.add_argument("--output", type=Path, help="folder for raw rows and credits as CSV (default: not stored)")
    parser.add_argument("--checkpoints", type=Path, required=True, help="folder for checkpoints")
    options = parser.parse_args()
    table = environment(options.state, options.checkpoints)
    declare_sources(table, options.folder)
    declare_sinks(table, options.output)
    statements = table.create_statement_set()
    statements.add_insert_sql(f"INSERT INTO credits {FIRST_CLICK}")
    if options.output:
        for kind, fields in (("clicks", CLICKS), ("checkouts", CHECKOUTS)):
            columns = f"{', '.join(fields)}, CAST(CURRENT_TIMESTAMP AS STRING), 'false'"
            statements.add_insert_sql(f"INSERT INTO raw_{kind} SELECT {columns} FROM {kind}")  # noqa: S608 - constants
    began = time.monotonic()
    statements.execute().wait()
    print(json.dumps({"seconds": time.monotonic() - began}), flush=True)


def environment(state: str, checkpoints: Path) -> TableEnvironment:
    """Returns a streaming table environment with one task per core and a checkpoint every three seconds."""
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
    """Declares the tables `clicks` and `checkouts` over the folder's files, with watermarks of five minutes."""
    for kind, fields in (("clicks", CLICKS), ("checkouts", CHECKOUTS)):
        event_time = f"TO_TIMESTAMP_LTZ({fields[-1]}, 'yyyy-MM-dd''T''HH:mm:ss.SSS''Z''')"
        table.execute_sql(f"""
            CREATE TABLE {kind} (
                {string_columns(fields)},
                event_time AS {event_time},
                WATERMARK FOR event_time AS event_time - INTERVAL '5' MINUTE
            ) WITH ('connector' = 'filesystem', 'path' = '{(folder / kind).as_uri()}', 'format' = 'json')
        """)


def declare_sinks(table: TableEnvironment, output: Path | None) -> None:
    """Declares the table `credits` and, if there is an output folder, the tables of raw rows."""
    sinks = {"credits": CREDITS}
    if output:
        sinks |= {"raw_clicks": CLICKS + ARRIVAL_COLUMNS, "raw_checkouts": CHECKOUTS + ARRIVAL_COLUMNS}
    for name, fields in sinks.items():
        table.execute_sql(
            f"CREATE TABLE {name} ({string_columns(fields)}) WITH ({connector_options(output and output / name)})"
        )


def connector_options(folder: Path | None) -> str:
    """Returns the options of a sink that writes CSV files, or that discards its rows if `folder` is None."""
    if folder is None:
        return "'connector' = 'blackhole'"
    # Finishes files early. The finished files are loaded while Flink still runs.
    return f"""
        'connector' = 'filesystem', 'path' = '{folder.as_uri()}', 'format' = 'csv',
        'sink.rolling-policy.rollover-interval' = '2 s', 'sink.rolling-policy.check-interval' = '1 s'
    """


def string_columns(fields: list[str]) -> str:
    return ", ".join(f"{field} STRING" for field in fields)


if __name__ == "__main__":
    main()
