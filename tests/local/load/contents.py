"""Files to load, and what the tables hold."""

import re
from typing import LiteralString

import psycopg

from local.folder import PROJECT

SPEND = "select day::text, channel, campaign, amount, currency from ad_spend order by 1, 2, 3, 5"
RATES = "select day::text, currency, rate from exchange_rates order by 1, 2"
RULES: LiteralString = (
    "select priority, source, medium, campaign, referrer, channel, is_paid from channel_rules order by priority"
)
EXPERIMENTS: LiteralString = "select * from experiments order by experiment_id, variant"
SPEND_FILE = """\
day,channel,campaign,amount,currency
2026-03-01,Paid Search,spring,12.50,EUR
2026-03-02,Paid Search,,3.1234,USD
"""
RULES_FILE = "priority,source,medium,channel,is_paid\n1,^google$,^cpc$,Paid Search,true\n2,^news$,,Email,false\n"
EXAMPLES = dict(
    re.findall(r"## (\w+)\n.*?```csv\n(.*?)```", (PROJECT / "docs" / "analytics-inputs.md").read_text(), re.DOTALL)
)


def rows(database: psycopg.Connection, query: LiteralString) -> list[tuple[object, ...]]:
    return database.execute(query).fetchall()
