"""The queries of docs/analytics.md and their outputs, which are those of psql on a generated shop.

`make analytics-page` writes the outputs anew.
"""

import os
import re
import subprocess
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from local.folder import PROJECT
from local.servers import postgres as embedded
from local.servers.postgres import Server
from tests.runtime.analytics import example_shop

PAGE = PROJECT / "docs" / "analytics.md"
INPUTS_PAGE = PROJECT / "docs" / "analytics-inputs.md"
DATABASE = "analytics_page"
# A query, and its output below it.
QUERY = re.compile(r"```sql\n(?P<query>.*?)```\n(?:\n```text\n.*?```\n)?", re.DOTALL)
OWNER = "-- As the owner."


def fenced(page: Path, language: str) -> list[str]:
    """Returns the contents of a page's blocks in a language."""
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(), re.DOTALL)


@pytest.fixture(scope="module")
def shop(postgres: Server) -> Server:
    """The server, with the generated shop's database. Its inputs are those of the page."""
    spend, rates, experiments = fenced(PAGE, "csv")
    example_shop.create(postgres, DATABASE, {"spend": spend, "rates": rates, "experiments": experiments})
    return postgres


def run(server: Server, query: str) -> str:
    """Returns psql's output of a query."""
    user = "postgres" if query.startswith(OWNER) else "pipeline_analyst"
    login = conninfo_to_dict(server.url(DATABASE, user))
    variables = {
        "PGHOST": login["host"], "PGPORT": login["port"], "PGUSER": user, "PGPASSWORD": login["password"],
        "PGDATABASE": DATABASE, "PGTZ": "UTC",
    }  # fmt: skip
    command = [str(embedded.program("psql")), "--no-psqlrc", "--pset=footer=off", f"--command={query}"]
    result = subprocess.run(
        command, env=os.environ | {name: str(value) for name, value in variables.items()},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert not result.stderr, f"{query}{result.stderr}"
    return re.sub(r" +$", "", result.stdout, flags=re.MULTILINE).strip("\n")


def test_the_page_shows_the_output_of_every_query(shop: Server, request: pytest.FixtureRequest) -> None:
    text = PAGE.read_text()
    outputs = [run(shop, match["query"]) for match in QUERY.finditer(text)]
    assert len(outputs) > 20
    remaining = iter(outputs)
    page = QUERY.sub(lambda match: f"```sql\n{match['query']}```\n\n```text\n{next(remaining)}\n```\n", text)
    if request.config.getoption("--snapshot-update"):
        PAGE.write_text(page)
    else:
        assert text == page, "the page shows another output; `make analytics-page` writes it"
    assert all(output.count("\n") > 1 for output in outputs), "a query without rows shows nothing"


def test_the_queries_of_the_inputs_page_run(shop: Server) -> None:
    queries = fenced(INPUTS_PAGE, "sql")
    assert queries
    for query in queries:
        assert run(shop, query)


def test_the_page_states_the_size_of_the_shop(shop: Server) -> None:
    with psycopg.connect(shop.url(DATABASE)) as connection:
        counts = connection.execute("select (select count(*) from raw_clicks), count(*) from raw_checkouts").fetchone()
    assert counts
    clicks, checkouts = counts
    assert f"{clicks:,} clicks and {checkouts:,} checkouts" in PAGE.read_text()
