"""Robots: clicks that are flagged, because nobody can be credited for them."""

from typing import Any

import pytest

from runtime.attribution_job.events.contract import CLICK
from tests.runtime.attribution_job.events.examples import accepted, click

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 "
    "Mobile/15E148 Safari/604.1"
)
GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"


@pytest.mark.parametrize(
    ("fields", "is_bot"),
    [
        ({}, False),
        ({"is_bot": True}, True),
        ({"is_bot": "true"}, True),
        ({"device_type": "bot"}, True),
        ({"device_type": " Bot"}, True),
        ({"device_type": "robot"}, False),
        ({"user_agent": FIREFOX}, False),
        ({"user_agent": IPHONE}, False),
        ({"user_agent": ""}, False),
        ({"user_agent": None}, False),
        ({"user_agent": GOOGLEBOT}, True),
        ({"user_agent": "python-requests/2.32.3"}, True),
        ({"user_agent": "curl/8.5.0"}, True),
        ({"user_agent": "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)"}, True),
        ({"user_agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 HeadlessChrome/140.0 Safari/537.36"}, True),
        ({"user_agent": GOOGLEBOT, "is_bot": False}, True),
        ({"user_agent": [GOOGLEBOT]}, True),
        ({"user_agent": {"name": GOOGLEBOT}}, False),
        ({"is_bot": "perhaps", "user_agent": FIREFOX}, False),
    ],
)
def test_a_click_is_a_robots_when_it_says_so(fields: dict[str, Any], is_bot: bool) -> None:
    event = accepted(CLICK, click | fields)
    assert event["is_bot"] is is_bot
    assert "user_agent" not in event
