"""The output of a replay: a CSV file with a row for each checkout and its credit."""

from pathlib import Path
from typing import LiteralString

import psycopg

from local import files

# Times have milliseconds, or microseconds if they are not whole milliseconds. Amounts have two decimals, or as many as
# they need.
OUTPUT: LiteralString = """
copy (
    select checkout_id, user_id,
           to_char(checkout_timestamp at time zone 'UTC',
                   case when extract(microseconds from checkout_timestamp) % 1000 = 0
                        then 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"' else 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"' end
           ) as checkout_timestamp,
           click_id,
           to_char(click_timestamp at time zone 'UTC',
                   case when extract(microseconds from click_timestamp) % 1000 = 0
                        then 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"' else 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"' end
           ) as click_timestamp,
           utm_source, utm_medium, utm_campaign,
           round(total_amount, greatest(2, scale(trim_scale(total_amount)))) as total_amount, currency
      from attributed_checkouts a
     where not test
     order by a.checkout_timestamp, checkout_id
) to stdout (format csv, header)
"""


def write(connection: psycopg.Connection, path: Path) -> None:
    with files.written_atomically(path) as file, connection.cursor().copy(OUTPUT) as rows:
        for row in rows:
            file.write(row)
