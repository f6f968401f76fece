"""The loading of objects of the inputs' bucket, by the function's handler and with its login."""

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import psycopg
import pytest
from botocore.exceptions import ClientError

from local.servers.postgres import Server
from runtime.analytics.handler import handler
from runtime.analytics.loading import objects
from runtime.analytics.refresh import REFRESH_LOCK, refresh
from tests.local.load.contents import RATES, RULES, RULES_FILE, SPEND, SPEND_FILE, rows
from tests.waiting import wait_until

BUCKET = "inputs-of-a-test"
Upload = Callable[[str, str], dict[str, Any]]


@pytest.fixture
def upload(emulator: str, postgres: Server, database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Upload]:
    """Uploads an object, and returns the handler's answer to its event."""
    monkeypatch.setenv("DATABASE_URL", postgres.url(database, "pipeline_analytics"))
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=BUCKET)

    def put(key: str, content: str) -> dict[str, Any]:
        s3.put_object(Bucket=BUCKET, Key=key, Body=content.encode())
        return handler(event(key))

    yield put
    bucket = boto3.resource("s3").Bucket(BUCKET)
    bucket.objects.delete()
    bucket.delete()


def event(key: str) -> dict[str, Any]:
    """Returns the part of the event of S3 that the handler reads.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
    """
    detail = {"bucket": {"name": BUCKET}, "object": {"key": key, "size": 1}}
    return {"source": "aws.s3", "detail-type": "Object Created", "detail": detail}


def test_each_folder_loads_its_kind_with_the_functions_login(upload: Upload, migrated: psycopg.Connection) -> None:
    outcome = upload("inputs/spend/2026 März.csv", SPEND_FILE)
    assert (outcome["inserted"], outcome["updated"], outcome["deleted"]) == (2, 0, 0)
    assert len(rows(migrated, SPEND)) == 2
    assert upload("inputs/rates/ecb/usd.csv", "day,currency,rate\n2026-03-01,USD,0.92\n")["inserted"] == 1
    assert len(rows(migrated, RATES)) == 1
    assert upload("inputs/rules/rules.csv", RULES_FILE)["deleted"] > 0
    assert [row[0] for row in rows(migrated, RULES)] == [1, 2]
    again = upload("inputs/spend/2026 März.csv", SPEND_FILE.replace("12.50", "13.00"))
    assert (again["inserted"], again["updated"], again["unchanged"]) == (0, 1, 1)


@pytest.mark.parametrize(
    ("file", "problem"),
    [
        (("inputs/spend/a.csv", SPEND_FILE.replace("12.50", "12,50")), "line 2: 6 cells, but the header has 5"),
        (("inputs/rates/a.csv", SPEND_FILE), "header: the column rate is missing"),
        (("inputs/rules/a.csv", RULES_FILE.replace("^cpc$", "(")), "line 2: medium: '('"),
        (("inputs/spends/a.csv", SPEND_FILE), "below one of inputs/spend/, inputs/rates/, inputs/rules/"),
        (("inputs/a.csv", SPEND_FILE), "below one of inputs/spend/"),
        (("spend/a.csv", SPEND_FILE), "below one of inputs/spend/"),
        (("inputs/spend", SPEND_FILE), "below one of inputs/spend/"),
    ],
)
def test_a_file_with_a_problem_changes_nothing_and_is_logged_but_does_not_fail(
    upload: Upload,
    migrated: psycopg.Connection,
    caplog: pytest.LogCaptureFixture,
    file: tuple[str, str],
    problem: str,
) -> None:
    upload("inputs/spend/before.csv", SPEND_FILE)
    contents = [rows(migrated, query) for query in (SPEND, RATES, RULES)]
    outcome = upload(*file)
    assert problem in outcome["problems"]
    assert [rows(migrated, query) for query in (SPEND, RATES, RULES)] == contents
    (line,) = [record for record in caplog.records if record.message == "refused the file"]
    assert (line.levelno, vars(line)["file"], vars(line)["problems"]) == (logging.ERROR, file[0], outcome["problems"])


def test_a_folder_of_the_console_is_no_file(upload: Upload, caplog: pytest.LogCaptureFixture) -> None:
    assert upload("inputs/spend/", "") == {}
    assert not [record for record in caplog.records if "file" in record.message]


def test_a_file_that_is_too_large_is_refused_before_it_is_read(
    upload: Upload, migrated: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "MAX_BYTES", 10)
    assert "split it into files" in upload("inputs/spend/a.csv", SPEND_FILE)["problems"]
    assert rows(migrated, SPEND) == []


def test_an_object_that_is_gone_fails_with_its_key(upload: Upload) -> None:
    with pytest.raises(ClientError, match="NoSuchKey"):
        handler(event("inputs/spend/gone.csv"))


def test_new_rules_wait_for_a_running_refresh(
    upload: Upload, migrated: psycopg.Connection, refresher: psycopg.Connection
) -> None:
    migrated.execute("select pg_advisory_lock(%s)", [REFRESH_LOCK])
    with ThreadPoolExecutor() as threads:
        loaded = threads.submit(upload, "inputs/rules/rules.csv", RULES_FILE)
        waiting = "select count(*) from pg_stat_activity where wait_event = 'advisory'"
        wait_until(lambda: rows(migrated, waiting) == [(1,)], "the load to wait", 30)
        migrated.execute("select pg_advisory_unlock(%s)", [REFRESH_LOCK])
        assert loaded.result()["inserted"] == 2
    # The server notices the end of the load's session a moment later.
    wait_until(lambda: refresh(refresher).is_complete, "the refresh")
