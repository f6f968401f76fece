"""The tables and views that the analyst may read, and their columns."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import LiteralString

import psycopg
from psycopg import sql

from local.errors import InputError

ROLE = "pipeline_analyst"
# After `set role`, the privileges are those of the analyst.
READABLE: LiteralString = """
select c.relname
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
 where c.relkind in ('r', 'p', 'v', 'm', 'f') and not c.relispartition
   and n.nspname not in ('pg_catalog', 'information_schema')
   and pg_table_is_visible(c.oid)
   and has_table_privilege(c.oid, 'select')
 order by c.relname
"""
# The type of a numeric column holds its precision and scale, or is -1:
# https://github.com/postgres/postgres/blob/REL_15_STABLE/src/backend/utils/adt/numeric.c (make_numeric_typmod)
COLUMNS: LiteralString = """
select a.attname, t.typname,
       case when t.typname = 'numeric' and a.atttypmod >= 0 then (a.atttypmod - 4) >> 16 & 65535 end,
       case when t.typname = 'numeric' and a.atttypmod >= 0 then ((a.atttypmod - 4 & 2047) # 1024) - 1024 end
  from pg_attribute a
  join pg_type t on t.oid = a.atttypid
 where a.attrelid = %s::regclass and a.attnum > 0 and not a.attisdropped
 order by a.attnum
"""


@dataclass(frozen=True)
class Column:
    """A column. `precision`, `scale`: of a numeric type that fixes them."""

    name: str
    type: str
    precision: int | None = None
    scale: int | None = None


def become_analyst(connection: psycopg.Connection) -> None:
    """Gives the session the rights of the analyst.

    Raises:
        InputError: the login may not act as the analyst, or the database has no such role.
    """
    try:
        connection.execute(sql.SQL("set role {}").format(sql.Identifier(ROLE)))
    except (psycopg.errors.InvalidParameterValue, psycopg.errors.InsufficientPrivilege) as error:
        raise InputError(
            f"this login cannot act as {ROLE}: {error.diag.message_primary}; give the URL of the analyst or the owner"
            " of a migrated database"
        ) from error


def columns(connection: psycopg.Connection, view: str) -> Sequence[Column]:
    """Returns the columns of a table or view.

    Raises:
        InputError: the analyst may read no table or view of this name; the message lists the names that exist.
    """
    names = [name for (name,) in connection.execute(READABLE).fetchall()]
    if view not in names:
        raise InputError(f"{view}: the analyst may read no table or view of this name; there are {', '.join(names)}")
    identifier = sql.Identifier(view).as_string(connection)
    return [Column(*row) for row in connection.execute(COLUMNS, [identifier]).fetchall()]
