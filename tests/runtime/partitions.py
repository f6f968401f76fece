"""The partitions of `raw_clicks`."""

from datetime import date

import psycopg

PARTITIONS = """
select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
 where i.inhparent = 'raw_clicks'::regclass order by 1
"""


def begin_days(connection: psycopg.Connection, first_day: date) -> None:
    """Lets the days of an empty table begin with another day than that of the migration."""
    for (name,) in connection.execute(PARTITIONS).fetchall():
        connection.execute(f"alter table raw_clicks detach partition {name}".encode())
        if name != "raw_clicks_before":
            connection.execute(f"drop table {name}".encode())
    attach = "alter table raw_clicks attach partition raw_clicks_before for values from (minvalue) to ('{} 00:00+0')"
    connection.execute(attach.format(first_day).encode())


def days(connection: psycopg.Connection) -> list[str]:
    """Returns the days that have a partition, as in its name."""
    names = [name.removeprefix("raw_clicks_") for (name,) in connection.execute(PARTITIONS)]
    return [name for name in names if name != "before"]
