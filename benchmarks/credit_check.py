"""Credits in the benchmark's database, and their comparison with DuckDB's credits for the same files."""

from typing import Any

import psycopg

from benchmarks.workload import DATABASE
from local.servers.postgres import Server

# The same digest as in duckdb_limit.py.
STORED_CREDITS = """
select count(*), count(click_id),
       md5(string_agg(checkout_id || ':' || coalesce(click_id, ''), ',' order by checkout_id))
  from attributed_checkouts
"""


def stored_credits(server: Server) -> dict[str, Any]:
    """Returns the number of `checkouts`, the number of `credited` checkouts, and a `digest` of all credits."""
    with psycopg.connect(server.url(DATABASE)) as connection:
        row = connection.execute(STORED_CREDITS).fetchone() or (0, 0, None)
    return dict(zip(("checkouts", "credited", "digest"), row, strict=True))


def query_number(server: Server, query: str) -> int:
    """Returns the single number of the query's result, or 0 for an empty result."""
    with psycopg.connect(server.url(DATABASE)) as connection:
        return int((connection.execute(query.encode()).fetchone() or (0,))[0])


def check_credits(run: dict[str, Any], truth: dict[str, Any]) -> None:
    """Compares the credits of a run with DuckDB's.

    Raises:
        AssertionError: the digests differ.
    """
    if run["digest"] != truth["digest"]:
        raise AssertionError(
            f"wrong credits: {run['credited']} of {run['checkouts']} checkouts credited, expected"
            f" {truth['credited']} of {truth['checkouts']}; with equal counts, some clicks differ"
        )
