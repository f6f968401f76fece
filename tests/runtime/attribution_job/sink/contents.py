"""Contents of the tables that the sink writes."""

from typing import Any

import psycopg

TABLES = [
    "raw_clicks", "raw_checkouts", "raw_refunds", "attributed_checkouts", "users", "dead_letters", "conflicts",
    "net_checkouts",
]  # fmt: skip


def table_contents(connection: psycopg.Connection) -> dict[str, list[Any]]:
    """Returns the rows of all tables except `batches`, and of `net_checkouts`.

    Columns that depend on the time of writing are left out.
    """
    excluded = "- 'ingested_at' - 'updated_at' - 'late' - 'written_in'"
    return {
        name: connection.execute(f"select to_jsonb(t) {excluded} from {name} t order by 1".encode()).fetchall()
        for name in TABLES
    }
