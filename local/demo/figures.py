"""Figures of the live view that come from PostgreSQL, read with few and short queries."""

import time
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, LiteralString, NamedTuple, TypedDict

import psycopg

from local.pipeline.waiting import rows_stored

# Largest share of the time that the queries may take. They take longer as the tables grow, and are then run less often.
MAX_QUERY_SHARE = 0.05


class Channel(NamedTuple):
    """Checkouts of one first-click channel. `credited`: false for checkouts without a click.

    `source`, `medium`: the first click's UTM values, or null.
    """

    credited: bool
    source: str | None
    medium: str | None
    checkouts: int
    revenue: Decimal


class Percentiles(TypedDict):
    """Latencies in milliseconds; null if none was measured."""

    p50: int | None
    p99: int | None


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Figures of all tables at one time.

    `records`: records read from the streams, which may hold several events. `repairs`: repaired events by the name of
    the repair. Latencies: `last_minute` and `overall` are percentiles of those periods; `recent_p99` is the 99th
    percentile of each refresh in the last minute.
    """

    records: int
    clicks: int
    checkouts: int
    refunds: int
    late: int
    dead_letters: Mapping[str, int]
    repairs: Mapping[str, int]
    conflicts: int
    channels: tuple[Channel, ...]
    last_minute: Percentiles
    overall: Percentiles
    recent_p99: tuple[int, ...]
    first_credit: datetime | None

    @property
    def stored(self) -> int:
        """Number of raw events and dead letters."""
        return self.clicks + self.checkouts + self.refunds + sum(self.dead_letters.values())

    @property
    def credited(self) -> int:
        return sum(channel.checkouts for channel in self.channels if channel.credited)

    @property
    def unattributed(self) -> int:
        return sum(channel.checkouts for channel in self.channels if not channel.credited)


TOTALS = """
select coalesce(sum(records), 0)::bigint, coalesce(sum(clicks), 0)::bigint, coalesce(sum(checkouts), 0)::bigint,
       coalesce(sum(refunds), 0)::bigint, coalesce(sum(late), 0)::bigint,
       min(committed_at) filter (where credits > 0), max(began_at)
  from batches
"""
# What was refused, repaired, or in conflict with a stored event, by reason.
ACCOUNTS = """
select outcome, reason, sum(events)::bigint
  from event_accounts where outcome <> 'accepted' group by 1, 2 order by 3 desc, 2
"""
CHANNELS = """
select click_id is not null, utm_source, utm_medium, count(*), sum(total_amount)
  from attributed_checkouts where not test group by 1, 2, 3 order by 1 desc, 5 desc
"""
# Number of events by latency in milliseconds, from the acceptance by Kinesis to the commit in PostgreSQL. Events put
# before the second commit are left out: they waited for the job to start and to process its backlog.
LATENCIES = """
select greatest(0, round(1000 * extract(epoch from committed_at - arrived_at)))::bigint, count(*)
  from batches
  join (select arrived_at, ingested_at from raw_clicks where ingested_at > %(after)s
         union all
        select arrived_at, ingested_at from raw_checkouts where ingested_at > %(after)s) event
    on ingested_at = began_at
 where began_at > %(after)s and began_at <= %(newest)s
   and arrived_at >= (select committed_at from batches order by committed_at offset 1 limit 1)
 group by 1
"""


class Reader:
    """Reads the figures over one connection, and accumulates the latencies.

    While the server is stopped or restarted, the last figures stand until a new connection succeeds.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: psycopg.Connection | None = None
        self._stored = 0
        self._newest_batch = "-infinity"
        self._all_latencies: Counter[int] = Counter()
        self._recent_latencies: deque[tuple[float, Counter[int]]] = deque()
        self._next_refresh = 0.0
        self.figures = self._read()

    def update(self, *, at_once: bool = False) -> Figures:
        """Returns new figures, or the last ones if the next refresh is not due; `at_once` refreshes in any case."""
        start = time.monotonic()
        if at_once or start >= self._next_refresh:
            try:
                self.figures = self._read()
            except psycopg.OperationalError:
                self._connection = None
            end = time.monotonic()
            self._next_refresh = end + (end - start) / MAX_QUERY_SHARE
        return self.figures

    def stored(self) -> int:
        """Returns the number of raw events and dead letters. Sums the counts in `batches`, which is cheap."""
        try:
            self._stored = rows_stored(self._connected())
        except psycopg.OperationalError:
            self._connection = None
        return self._stored

    def close(self) -> None:
        if self._connection:
            self._connection.close()

    def _connected(self) -> psycopg.Connection:
        if self._connection is None:
            self._connection = psycopg.connect(self._url, autocommit=True, connect_timeout=5)
            self._connection.execute("set max_parallel_workers_per_gather = 0")
        return self._connection

    def _read(self) -> Figures:
        ((records, clicks, checkouts, refunds, late, first_credit, newest),) = self._query(TOTALS)
        if newest:
            self._add_latencies(Counter(dict(self._query(LATENCIES, after=self._newest_batch, newest=newest))))
            self._newest_batch = newest
        recent: Counter[int] = sum((latencies for _, latencies in self._recent_latencies), Counter())
        accounts: dict[str, dict[str, int]] = {"refused": {}, "repaired": {}, "conflict": {}}
        for outcome, reason, events in self._query(ACCOUNTS):
            accounts[outcome][reason] = events
        return Figures(
            records=records,
            clicks=clicks,
            checkouts=checkouts,
            refunds=refunds,
            late=late,
            dead_letters=accounts["refused"],
            repairs=accounts["repaired"],
            conflicts=sum(accounts["conflict"].values()),
            channels=tuple(Channel(*row) for row in self._query(CHANNELS)),
            last_minute=percentiles(recent),
            overall=percentiles(self._all_latencies),
            recent_p99=tuple(_percentile(latencies, 99) or 0 for _, latencies in self._recent_latencies if latencies),
            first_credit=first_credit,
        )

    def _add_latencies(self, latencies: Counter[int]) -> None:
        now = time.monotonic()
        self._all_latencies += latencies
        self._recent_latencies.append((now, latencies))
        while self._recent_latencies[0][0] < now - 60:
            self._recent_latencies.popleft()

    def _query(self, query: LiteralString, **parameters: object) -> list[tuple[Any, ...]]:
        return self._connected().execute(query, parameters).fetchall()


def percentiles(counts: Counter[int]) -> Percentiles:
    """Returns the 50th and 99th percentile by the nearest-rank method, so each is one of the values."""
    return {"p50": _percentile(counts, 50), "p99": _percentile(counts, 99)}


def _percentile(counts: Counter[int], percent: int) -> int | None:
    remaining = percent * counts.total()
    for value in sorted(counts):
        remaining -= 100 * counts[value]
        if remaining <= 0:
            return value
    return None
