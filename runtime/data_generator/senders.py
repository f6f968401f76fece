"""Senders: the programs that write a visit's events, each in its own way.

A visit has one sender, so its events agree in the spelling of ids, times and amounts. All spellings are accepted by
consumers, and mean the same as the plain one, with two exceptions: robots' clicks are no candidates for credit, and
times that are ahead of their arrival are corrected.
"""

import random
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlencode

from runtime.data_generator.events import AMOUNT_FIELD, TIMESTAMP_FIELD, Event, Kind, timestamp
from runtime.data_generator.settings import Settings

# Shares of the visits, at variety 1.
ROBOTS = 0.02
NUMERIC_IDS = 0.01
NUMERIC_AMOUNTS = 0.03
LOWER_CASE_CURRENCY = 0.01
# A fifth of the visits is direct and has no utm values, so 5 % of the clicks have them in the URL only.
UTM_IN_URL = 0.06
STATES_SENT_AT = 0.1
STATES_USER_AGENT = 0.1
CLOCK_AHEAD = 0.003
# A clock that is ahead states times this far after the end of the period. Consumers correct them from 5 minutes on.
AHEAD_MS = (6 * 60_000, 15 * 60_000)

ROBOT_AGENTS = (
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
    "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
    "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)",
)
ROBOT_SIGNS: tuple[Mapping[str, Any], ...] = (
    {"is_bot": True},
    {"device_type": "bot"},
    *({"user_agent": agent} for agent in ROBOT_AGENTS),
)
# One tenth each by `is_bot` and `device_type`, the others by their user agents.
ROBOT_WEIGHTS = (1, 1, *(8 / len(ROBOT_AGENTS) for _ in ROBOT_AGENTS))
WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0"
USER_AGENTS = {
    "mobile": f"Mozilla/5.0 (Linux; Android 10; K) {WEBKIT} Mobile Safari/537.36",
    "desktop": f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Safari/537.36",
    "tablet": f"Mozilla/5.0 (Linux; Android 10; K) {WEBKIT} Safari/537.36",
}

# Writes milliseconds since 1970.
WriteTime = Callable[[int], str | int | float]


def _without_colon(milliseconds: int) -> str:
    return timestamp(milliseconds)[:-1] + "+0000"


def epoch_milliseconds(milliseconds: int) -> int:
    return milliseconds


def _epoch_seconds(milliseconds: int) -> float:
    # Exact: a float holds 15 decimal digits, and these are 13.
    return milliseconds / 1000


TIMES: tuple[WriteTime, ...] = (timestamp, _without_colon, epoch_milliseconds, _epoch_seconds)
# Shares of the visits, at variety 1, of the ways to write a time after the plain one.
TIME_SHARES = (0.02, 0.015, 0.005)


class Sender(NamedTuple):
    """How the events of one visit are written. The default is the plain way.

    Attributes:
        robot: the fields by which a robot's clicks can be known. Empty for people.
        numeric_ids: users have an integer as id, as in another shop's system.
        ahead_ms: how far the sender's clock is ahead.
    """

    robot: Mapping[str, Any] = {}
    numeric_ids: bool = False
    numeric_amounts: bool = False
    lower_case_currency: bool = False
    utm_in_url: bool = False
    states_sent_at: bool = False
    states_user_agent: bool = False
    ahead_ms: int = 0
    write_time: WriteTime = timestamp

    def write(self, kind: Kind, event: Event, at: int, sent_at: int) -> Event:
        """Returns the event in this sender's way, with its timestamp.

        `at`, `sent_at`: when it happened and when it is sent, in milliseconds since 1970 by a right clock.
        """
        event = event | {TIMESTAMP_FIELD[kind]: self.write_time(at + self.ahead_ms)}
        if self == PLAIN:
            return event
        if self.numeric_ids:
            event["user_id"] = int(event["user_id"])
        if self.states_sent_at:
            event["sent_at"] = self.write_time(sent_at + self.ahead_ms)
        if kind == "click":
            return self._write_click(event)
        if self.numeric_amounts:
            event[AMOUNT_FIELD[kind]] = float(event[AMOUNT_FIELD[kind]])
        if self.lower_case_currency:
            event["currency"] = event["currency"].lower()
        return event

    def _write_click(self, event: Event) -> Event:
        if self.states_user_agent:
            event["user_agent"] = USER_AGENTS[event["device_type"]]
        event.update(self.robot)
        utm = {name: event[name] for name in ("utm_source", "utm_medium", "utm_campaign") if event[name]}
        if self.utm_in_url and utm:
            event.update(dict.fromkeys(utm))
            event["page_url"] += f"?{urlencode(utm)}"
        return event


PLAIN = Sender()


def draw(settings: Settings, rng: random.Random) -> Sender:
    """Returns a random sender. At variety 0 it is PLAIN."""
    variety = settings.variety
    if not variety:
        return PLAIN

    def happens(share: float) -> bool:
        return rng.random() < share * variety

    ahead = happens(CLOCK_AHEAD)
    return Sender(
        robot=rng.choices(ROBOT_SIGNS, ROBOT_WEIGHTS)[0] if happens(ROBOTS) else {},
        numeric_ids=happens(NUMERIC_IDS),
        numeric_amounts=happens(NUMERIC_AMOUNTS),
        lower_case_currency=happens(LOWER_CASE_CURRENCY),
        utm_in_url=happens(UTM_IN_URL),
        # Half of the clocks that are ahead can be told by the time of sending.
        states_sent_at=rng.random() < 0.5 if ahead else happens(STATES_SENT_AT),
        states_user_agent=happens(STATES_USER_AGENT),
        ahead_ms=settings.period_seconds * 1000 + rng.randint(*AHEAD_MS) if ahead else 0,
        write_time=_draw_time(variety, rng),
    )


def number_of(user_id: str) -> str:
    """Returns the digits of the integer that another shop's system has for a user."""
    return str(1_000_000 + int(user_id.removeprefix("user-")))


def _draw_time(variety: float, rng: random.Random) -> WriteTime:
    others = [share * variety for share in TIME_SHARES]
    return rng.choices(TIMES, (max(0.0, 1 - sum(others)), *others))[0]
