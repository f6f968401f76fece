"""The section on data quality in docs/analytics.md: its rules are those of the database, and its statements work."""

import re

import psycopg

from local.folder import PROJECT
from tests.runtime.analytics.conftest import Logins
from tests.runtime.analytics.quality.shop import evaluate

PAGE = PROJECT / "docs" / "analytics.md"
RULES = """
select '| `' || name || '` | ' || severity || ' | ' || counts || ' | ' || trim_scale(threshold * 100)
       || ' % of at least ' || min_events || ' ' || unit || ' | ' || remedy || ' |'
  from quality_rules
 order by array_position(array['completeness', 'validity', 'uniqueness', 'timeliness', 'consistency'], dimension), name
"""


def section() -> str:
    return PAGE.read_text().partition("\n## Data quality\n")[2].partition("\n## ")[0]


def test_the_page_has_every_rule_as_it_is_in_the_database(migrated: psycopg.Connection) -> None:
    rules = [row for (row,) in migrated.execute(RULES)]
    assert [line for line in section().splitlines() if line.startswith("| `")] == rules


def test_the_statements_of_the_page_run(logins: Logins) -> None:
    query, changes = re.findall(r"```text\n((?:select|update).*?)```", section(), re.DOTALL)
    logins.owner.execute(changes)
    evaluate(logins.refresher)
    states = logins.owner.execute("select distinct state from data_quality where rule = 'payments_unknown'")
    assert states.fetchall() == [("too few",)]
    logins.analyst.execute(query)
