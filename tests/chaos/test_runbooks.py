"""Every command in docs/operations.md: SQL is executed on a database with trouble, `aws` commands are checked."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import botocore.session
import psycopg
import pytest
from botocore import xform_name

from chaos import database_faults
from local.folder import PROJECT
from local.servers import postgres
from local.servers.postgres import Server
from runtime.analytics.refresh import REFRESH_LOCK
from runtime.attribution_job.sink.postgres import PostgresSink
from tests.oracle import Checkout, Click
from tests.runtime.attribution_job.sink.rows import candidate_row, checkout_row, click_row, dead_letter_row, table
from tests.waiting import wait_until

QUERY = "00000000-0000-0000-0000-000000000007"
TEXT = (PROJECT / "docs" / "operations.md").read_text()
BLOCK = re.compile(r"^( *)```(\S*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"(?:^(?: {4,}).+\n)+", re.MULTILINE)
SPAN = re.compile(r"`([^`]+)`")
SQL = re.compile(
    r"(select|update|insert|delete|alter|create|drop|truncate|vacuum|grant|revoke|call|set)\s", re.IGNORECASE
)
COMMAND = re.compile(r"(\./|\.venv/|make\s|python\s|psql\s|cdk\s|npm\s|curl\s|kubectl\s|sudo\s|rm\s|git\s)")


def codes(text: str) -> list[str]:
    """Returns the code in a Markdown text: fenced blocks, indented blocks and code spans."""
    blocks = [match[3] for match in BLOCK.finditer(text)]
    unfenced = BLOCK.sub("", text)
    spans = SPAN.findall(INDENTED.sub("", unfenced))
    return [code.strip() for code in (*blocks, *INDENTED.findall(unfenced), *spans)]


# Between two migrations only: tests/runtime/database/test_clicks_by_day_migration.py executes this statement.
UNFINISHED_MIGRATION = "validate constraint raw_clicks_before_days"
STATEMENTS = [code for code in codes(TEXT) if SQL.match(code) and UNFINISHED_MIGRATION not in code]


def test_runbooks_contain_no_commands_but_sql_and_aws() -> None:
    assert [code for code in codes(TEXT) if COMMAND.match(code)] == []
    assert {match[2] for match in BLOCK.finditer(TEXT)} <= {"sql"}


CALLS = [call.split() for code in codes(TEXT) for call in re.findall(r"aws ([a-z0-9-]+ [a-z0-9-]+[^$()]*)", code)]
# Options of the `aws` command that belong to no operation.
OPTIONS = {"query", "output", "cli-binary-format"}


@pytest.mark.parametrize("call", CALLS, ids=" ".join)
def test_an_aws_command_names_an_existing_operation_and_its_parameters(call: list[str]) -> None:
    service, operation, *arguments = call
    options = {word.removeprefix("--") for word in arguments if word.startswith("--")}
    if service == "s3":  # These commands combine several operations of the API.
        assert operation in {"ls", "mv", "rm"}
        assert options <= {"recursive"}
        return
    model = botocore.session.get_session().get_service_model(service.removesuffix("api"))
    (name,) = (name for name in model.operation_names if xform_name(name, "-") == operation)
    shape = model.operation_model(name).input_shape
    assert shape
    parameters = {xform_name(member, "-") for member in shape.members}
    assert options <= parameters | OPTIONS
    # Positional arguments are not checked: Lambda's command takes the name of a file for the response.
    assert {xform_name(member, "-") for member in shape.required_members} <= options


def test_statements_are_found_in_blocks_and_spans() -> None:
    text = "1. `select 1;` or `aws x`\n\n   ```sql\n   select\n     2;\n   ```\n\n    select 3;\n\n`select`, `selected`"
    assert [code for code in codes(text) if SQL.match(code)] == ["select\n     2;", "select 3;", "select 1;"]
    assert len(STATEMENTS) > 10


@pytest.fixture(scope="module")
def troubled(server: Server) -> Iterator[psycopg.Connection]:
    """Yields the owner's connection to a database where the job waits for another session's open transaction.

    That session also has the lock of the refresh. A quality rule is breached in this hour, an anomaly has not ended,
    and clicks have an unknown field.
    """
    name = "troubled"
    postgres.create_database(server, name)
    now = datetime.now(UTC) - timedelta(minutes=1)
    click, checkout = Click(now, "c", "u"), Checkout(now, "k", "u")
    refused = dead_letter_row(1, "not JSON", b"", now)
    rows = table(click_row(click), checkout_row(checkout), candidate_row(checkout, click), refused)
    sink = PostgresSink(lambda: psycopg.connect(server.url(name, "pipeline_writer"), autocommit=True), "spark")
    for _ in range(2):
        sink.write(rows, query_id=QUERY, batch_id=0)
    late, other = Click(now - timedelta(hours=1), "late", "v"), Click(now, "c", "other user")
    sink.write(table(click_row(late), click_row(other)), query_id=QUERY, batch_id=1)
    with (
        ThreadPoolExecutor() as threads,
        psycopg.connect(server.url(name), autocommit=True) as owner,
        psycopg.connect(server.url(name)) as idle_session,
    ):
        owner.execute(
            "insert into quality_results (rule, hour, bad, total)"
            " values ('clicks_without_session', date_trunc('hour', now(), 'UTC'), 900, 1000)"
        )
        owner.execute(
            "insert into anomaly_findings (series, detector, from_time, last_time, alarm_time, is_over, severity,"
            " score, observed, expected_low, expected_high)"
            " values ('clicks', 'baseline', now() - interval '1 hour', now(), now(), false, 'high', 20, 0, 90, 110)"
        )
        owner.execute("insert into unknown_fields values ('click', 'coupon', now(), now())")
        idle_session.execute("select pg_advisory_lock(%s)", [REFRESH_LOCK])
        idle_session.execute("select from users for update")
        blocked_batch = table(click_row(Click(now, "c2", "u")))
        waiting = threads.submit(sink.write, blocked_batch, query_id=QUERY, batch_id=2)
        wait_until(lambda: database_faults.blocks(idle_session))
        yield owner
        idle_session.rollback()
        waiting.result()
    sink.close()
    postgres.drop_database(server, name)


@pytest.mark.parametrize("statement", STATEMENTS)
def test_every_query_finds_the_trouble_that_it_looks_for(
    troubled: psycopg.Connection, server: Server, statement: str
) -> None:
    with psycopg.connect(server.url(troubled.info.dbname)) as other_session:
        filled = statement.replace("<pid>", str(other_session.info.backend_pid)).replace("<user_id>", "nobody")
        assert "<" not in re.sub(r"<[=> ]", "", filled), "a placeholder that this test does not know"
        assert troubled.execute(filled.encode()).rowcount > 0


def test_every_runbook_has_a_symptom_a_confirmation_and_a_verification() -> None:
    pages = re.split(
        r"^### ", TEXT.partition("## Runbooks")[2].partition("\n## What a deployment")[0], flags=re.MULTILINE
    )
    pages = [page for page in pages[1:] if "\n\nAs [" not in page and not page.startswith("All is well")]
    assert len(pages) > 25
    for page in pages:
        missing = [word for word in ("Symptom:", "Confirm", "Verify") if word not in page]
        assert not missing, f"{page.splitlines()[0]}: {missing}"


def test_the_consistency_query_returns_zeros_for_consistent_tables(troubled: psycopg.Connection) -> None:
    (differences,) = (statement for statement in STATEMENTS if "without_a_row" in statement)
    assert troubled.execute(differences.encode()).fetchone() == (0, 0, 0)


def test_the_consistency_query_counts_inconsistent_rows(troubled: psycopg.Connection) -> None:
    (differences,) = (statement for statement in STATEMENTS if "without_a_row" in statement)
    with troubled.transaction(force_rollback=True):
        troubled.execute(
            "insert into raw_checkouts select 'k2', user_id, null, null, 1, 'EUR', null, checkout_timestamp,"
            " arrived_at, now(), false from raw_checkouts"
        )
        troubled.execute("update attributed_checkouts set click_id = null, click_timestamp = null")
        assert troubled.execute(differences.encode()).fetchone() == (1, 1, 1)
