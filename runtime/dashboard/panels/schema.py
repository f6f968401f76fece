"""Tables, definitions and settings of the database, and the choices of the filters, as read for the page."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, LiteralString

from runtime.dashboard.database import Connection
from runtime.dashboard.panels.filters import DEFAULT_MODEL, LOOK_BACKS, MEASURES, MODELS
from runtime.dashboard.panels.parts import Schema

SCHEMA: LiteralString = """
select c.relname, a.attname, format_type(a.atttypid, a.atttypmod), col_description(a.attrelid, a.attnum)
  from pg_class c
  join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
 where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'v', 'm', 'p') and not c.relispartition
   and has_table_privilege(c.oid, 'select')
 order by c.relname, a.attnum
"""
STATE: LiteralString = """
select s.reporting_currency, s.look_back, (select max(finished_at) from model_runs),
       (select committed_at from batches order by began_at desc limit 1),
       (select min(day) from credit_paths), (select max(day) from credit_paths)
  from analytics_settings s
"""
# Rules in the order of their priority, then the channels that only files name.
CHANNELS: LiteralString = """
select channel
  from (select channel, min(priority) as place from channel_rules group by channel
         union all
        values ('Direct', 2147483646), ('Unassigned', 2147483646)
         union all
        select distinct channel, 2147483647 from ad_spend) c
 where channel <> '(unattributed)'
 group by channel
 order by min(place), channel
"""
# The devices of newest first touches, because a look at all of them would take long.
DEVICES: LiteralString = """
select distinct c.device_type
  from (
       select first_click_id, touch_times[1] as first_at
         from credit_paths
        where day >= (select max(day) - 1 from credit_paths)
        limit 2000
       ) p
  join raw_clicks c on c.click_id = p.first_click_id and c.click_timestamp = p.first_at
 where c.device_type is not null
 order by c.device_type
 limit 50
"""
CURRENCIES: LiteralString = "select distinct currency from reporting_rates order by currency"
SEGMENTS: LiteralString = "select distinct segment from customer_segments order by segment limit 100"


@dataclass(frozen=True)
class State:
    """The settings, and how far the database is. `refreshed_at`: end of the last change of the models' tables."""

    currency: str
    look_back: timedelta
    refreshed_at: datetime | None
    committed_at: datetime | None
    first_day: date | None
    last_day: date | None

    @property
    def newest_day(self) -> date:
        """The newest day with a credited checkout; today without any."""
        return self.last_day or datetime.now(UTC).date()


async def rows(connection: Connection, query: LiteralString) -> list[tuple[Any, ...]]:
    return await (await connection.execute(query)).fetchall()


async def read_state(connection: Connection) -> State:
    return State(*(await rows(connection, STATE))[0])


async def read_schema(connection: Connection) -> Schema:
    comments: dict[str, str] = {}
    relations: dict[str, dict[str, str]] = defaultdict(dict)
    for relation, column, type_name, comment in await rows(connection, SCHEMA):
        relations[relation][column] = type_name
        if comment:
            comments[f"{relation}.{column}"] = comment
    return Schema(comments, dict(relations))


async def read_choices(connection: Connection) -> dict[str, Any]:
    """Returns the choices of the filters, and the days with credited checkouts."""
    state = await read_state(connection)

    async def names(query: LiteralString) -> list[str]:
        return [name for (name,) in await rows(connection, query)]

    return {
        "channels": [*(await names(CHANNELS)), "(unattributed)"],
        "devices": await names(DEVICES),
        "currencies": await names(CURRENCIES),
        "segments": await names(SEGMENTS),
        "models": list(MODELS),
        "default_model": DEFAULT_MODEL,
        "measures": list(MEASURES),
        "look_backs": list(LOOK_BACKS),
        "reporting_currency": state.currency,
        "first_day": (state.first_day or state.newest_day).isoformat(),
        "last_day": state.newest_day.isoformat(),
    }
