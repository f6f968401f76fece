"""Pathway's run over event files, with its rows and credits in PostgreSQL."""

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg

from benchmarks.credit_check import check_credits
from benchmarks.machine import measure
from benchmarks.workload import DATABASE
from local.folder import PROJECT
from local.servers import postgres
from local.servers.postgres import Server

PYTHON = PROJECT / "benchmarks" / ".venv-pathway" / "bin" / "python"
# The columns that the events fill, with the indexes of the pipeline's tables. Pathway's writer adds a row for each
# change, with its time and direction, and knows no decimal numbers.
TABLES = """
create schema pathway;
create table pathway.raw_clicks (
    click_id text collate "C" primary key, user_id text collate "C" not null, session_id text, product_id text,
    page_url text, utm_source text, utm_medium text, utm_campaign text, device_type text,
    click_timestamp timestamptz not null, "time" bigint, diff bigint
);
create index on pathway.raw_clicks (user_id, click_timestamp, click_id);
create table pathway.raw_checkouts (
    checkout_id text collate "C" primary key, user_id text collate "C" not null, session_id text, items jsonb,
    total_amount text not null, currency text not null, payment_method text, checkout_timestamp timestamptz not null,
    "time" bigint, diff bigint
);
create index on pathway.raw_checkouts (user_id, checkout_timestamp);
create index on pathway.raw_checkouts (checkout_timestamp);
create table pathway.credits (
    checkout_id text collate "C", user_id text collate "C" not null,
    checkout_timestamp timestamptz not null, total_amount text not null, currency text not null,
    click_id text collate "C", click_timestamp timestamptz, utm_source text, utm_medium text, utm_campaign text,
    "time" bigint, diff bigint
);
create index on pathway.credits (checkout_id);
create index on pathway.credits (checkout_timestamp);
"""
# A credit that changes while Pathway reads is taken back by a row with direction -1.
CREDITS = """
with standing as (
    select checkout_id, click_id from pathway.credits group by checkout_id, click_id having sum(diff) > 0
)
select count(*), count(click_id),
       md5(string_agg(checkout_id || ':' || coalesce(click_id, ''), ',' order by checkout_id)),
       (select count(*) from pathway.raw_clicks), (select count(*) from pathway.raw_checkouts)
  from standing
"""


def run_pathway(server: Server, data: Path, truth: dict[str, Any], folder: Path, *, events: int) -> dict[str, Any]:
    """Runs Pathway with one thread a core into a new database. Returns its time and credits.

    Pathway neither validates, nor removes duplicates, nor maintains the users' table.

    Raises:
        BenchmarkError: Pathway failed.
        AssertionError: the credits are wrong, or rows are missing.
    """
    postgres.create_database(server, DATABASE)
    with psycopg.connect(server.url(DATABASE)) as connection:
        connection.execute(TABLES)
    url = urlsplit(server.url(DATABASE))
    settings = {"host": url.hostname, "port": url.port, "dbname": DATABASE, "user": url.username}
    command: list[object] = [PYTHON, "-m", "benchmarks.pathway_peer", data]
    command += ["--postgres", json.dumps(settings | {"password": url.password})]
    run = measure(command, folder / "pathway.log", os.environ | {"PATHWAY_THREADS": str(os.cpu_count())})
    with psycopg.connect(server.url(DATABASE)) as connection:
        row = connection.execute(CREDITS).fetchone() or (0, 0, None, 0, 0)
    run |= dict(zip(("checkouts", "credited", "digest"), row[:3], strict=True))
    check_credits(run, truth)
    if sum(row[3:]) != events:
        raise AssertionError(f"{sum(row[3:]):,} of {events:,} events were stored")
    return run
