"""What the live view shows of PostgreSQL, read with few and short queries."""

import time
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, LiteralString, NamedTuple, TypedDict

import psycopg

from local.pipeline.waiting import rows_stored

# The more there is, the longer a look takes; it is taken as seldom as keeps it below this share of the time.
MOST_SHARE = 0.05


class Channel(NamedTuple):
    """Checkouts by their first click. `source`, `medium` null: no utm values; `credited` false: no click."""

    credited: bool
    source: str | None
    medium: str | None
    checkouts: int
    revenue: Decimal


class Percentiles(TypedDict):
    """Milliseconds; null: nothing to measure."""

    p50: int | None
    p99: int | None


@dataclass(frozen=True, kw_only=True)
class Figures:
    """`stored` counts raw events and dead letters. Latencies: of the last minute, of all, of each look."""

    clicks: int
    checkouts: int
    late: int
    dead_letters: Mapping[str, int]
    channels: tuple[Channel, ...]
    last_minute: Percentiles
    overall: Percentiles
    recent_p99: tuple[int, ...]
    first_credit: datetime | None

    @property
    def stored(self) -> int:
        return self.clicks + self.checkouts + sum(self.dead_letters.values())

    @property
    def credited(self) -> int:
        return sum(channel.checkouts for channel in self.channels if channel.credited)

    @property
    def unattributed(self) -> int:
        return sum(channel.checkouts for channel in self.channels if not channel.credited)


TOTALS = """
select coalesce(sum(clicks), 0)::bigint, coalesce(sum(checkouts), 0)::bigint, coalesce(sum(late), 0)::bigint,
       min(committed_at) filter (where credits > 0), max(began_at)
  from batches
"""
DEAD_LETTERS = "select reason, count(*) from dead_letters group by reason order by count(*) desc, reason"
CHANNELS = """
select click_id is not null, utm_source, utm_medium, count(*), sum(total_amount)
  from attributed_checkouts group by 1, 2, 3 order by 1 desc, 5 desc
"""
# From Kinesis' acceptance to PostgreSQL's commit, by millisecond. What was put before the second commit waited for the
# job to start and to catch up with what had come meanwhile, which says nothing about the pipeline.
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
    """Looks at the database over one connection, and remembers the latencies that it has seen.

    A server that is stopped or restarted costs it looks, no more: what it saw last stands until it can connect again.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: psycopg.Connection | None = None
        self._stored = 0
        self._seen = "-infinity"
        self._all: Counter[int] = Counter()
        self._recent: deque[tuple[float, Counter[int]]] = deque()
        self._next_look = 0.0
        self.figures = self._look()

    def update(self, *, at_once: bool = False) -> Figures:
        """The figures as they are now, or as they were a moment ago if it is too early to look again."""
        began = time.monotonic()
        if at_once or began >= self._next_look:
            try:
                self.figures = self._look()
            except psycopg.OperationalError:
                self._connection = None
            ended = time.monotonic()
            self._next_look = ended + (ended - began) / MOST_SHARE
        return self.figures

    def stored(self) -> int:
        """Raw events and dead letters, as the batches count them; cheap to ask often."""
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

    def _look(self) -> Figures:
        ((clicks, checkouts, late, first_credit, newest),) = self._query(TOTALS)
        if newest:
            self._add(Counter(dict(self._query(LATENCIES, after=self._seen, newest=newest))))
            self._seen = newest
        recent: Counter[int] = sum((latencies for _, latencies in self._recent), Counter())
        return Figures(
            clicks=clicks,
            checkouts=checkouts,
            late=late,
            dead_letters=dict(self._query(DEAD_LETTERS)),
            channels=tuple(Channel(*row) for row in self._query(CHANNELS)),
            last_minute=percentiles(recent),
            overall=percentiles(self._all),
            recent_p99=tuple(_percentile(latencies, 99) or 0 for _, latencies in self._recent if latencies),
            first_credit=first_credit,
        )

    def _add(self, latencies: Counter[int]) -> None:
        now = time.monotonic()
        self._all += latencies
        self._recent.append((now, latencies))
        while self._recent[0][0] < now - 60:
            self._recent.popleft()

    def _query(self, query: LiteralString, **parameters: object) -> list[tuple[Any, ...]]:
        return self._connected().execute(query, parameters).fetchall()


def percentiles(counts: Counter[int]) -> Percentiles:
    """Of values counted: the smallest that at least so many percent of all do not exceed."""
    return {"p50": _percentile(counts, 50), "p99": _percentile(counts, 99)}


def _percentile(counts: Counter[int], percent: int) -> int | None:
    left = percent * counts.total()
    for value in sorted(counts):
        left -= 100 * counts[value]
        if left <= 0:
            return value
    return None
