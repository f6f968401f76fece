"""Robots, which name themselves in their user agents.

The patterns of the user agents are a maintained list: https://github.com/monperrus/crawler-user-agents
"""

from functools import lru_cache

import crawleruseragents  # type: ignore[import-untyped]

# A search takes up to a millisecond, and a shop sees the same user agents again and again.
CACHED_AGENTS = 16_384
# Bounds the time of a search. User agents are shorter.
MAX_CHARACTERS = 2_000


@lru_cache(maxsize=CACHED_AGENTS)
def is_robot(user_agent: str) -> bool:
    """Tells whether a user agent names a robot."""
    return bool(crawleruseragents.is_crawler(user_agent[:MAX_CHARACTERS]))


def is_robots_device(device_type: str | None) -> bool:
    """Tells whether a device type says that the visitor is a robot."""
    return device_type is not None and device_type.strip().lower() == "bot"
