"""Pages of parsed events: what goes into a page comes out of it, whoever made it."""

from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import DataFrame, SparkSession

from runtime.attribution_job.events.contract import CHECKOUT, CLICK, Contract
from runtime.attribution_job.events.mapping import load_mapping
from runtime.attribution_job.events.pages import parse_page, parse_records, unpack
from runtime.attribution_job.events.parsing import read
from tests.runtime.attribution_job.events.examples import (
    CHANGED_CHECKOUTS,
    CHANGED_CLICKS,
    click,
    encode,
    full_checkout,
    full_click,
    records,
    refund,
    rows_of,
)

MIXED = [encode(full_checkout), b"x", b"", encode(full_checkout) + b"\n" + encode(refund)]


def kinds(data: list[bytes], contract: Contract) -> list[str]:
    (page,) = records(data).to_batches()
    return [row["kind"] for row in parse_page(page, contract).to_pylist()]


def test_a_page_has_a_row_for_each_kind_of_event_in_it() -> None:
    assert kinds([encode(click), encode(full_click)], CLICK) == ["click"]
    assert kinds(MIXED, CHECKOUT) == ["checkout", "refund", "dead_letter"]


@settings(deadline=None)
@given(clicks=st.lists(CHANGED_CLICKS, max_size=20), checkouts=st.lists(CHANGED_CHECKOUTS, max_size=20))
def test_pages_give_back_what_was_parsed(clicks: list[bytes], checkouts: list[bytes]) -> None:
    for data, contract in ((clicks, CLICK), (checkouts, CHECKOUT)):
        pages = [parse_page(page, contract) for page in records(data).to_batches(max_chunksize=7)]
        for page in pages:
            assert page.schema.names == ["kind", "rows"]
        unpacked = [row for page in pages for row in rows_of(unpack(page))]
        assert unpacked == rows_of(read(records(data), contract))


def test_a_page_without_records_has_no_row() -> None:
    page = parse_page(records([b"x"]).to_batches()[0].slice(1), CLICK)
    assert len(page) == 0
    assert rows_of(unpack(page)) == []


def records_in_spark(spark: SparkSession, data: list[bytes]) -> DataFrame:
    """Returns a row for each record, as Glue's connector does."""
    return spark.createDataFrame(
        records(data).to_pandas(),
        "data binary, streamName string, partitionKey string, sequenceNumber string,"
        " approximateArrivalTimestamp timestamp",
    )


def test_a_source_with_a_row_for_each_record_gives_the_same_events(spark: SparkSession) -> None:
    pages = parse_records(records_in_spark(spark, MIXED), CHECKOUT).toArrow()
    assert rows_of(unpack(pages)) == rows_of(read(records(MIXED), CHECKOUT))


def test_spark_can_send_a_mapping_to_its_workers(spark: SparkSession) -> None:
    track = {"type": "page", "messageId": "m1", "userId": "u1", "timestamp": "2026-11-23T11:00:00Z"}
    data = [encode(track | {"context": {"page": {"url": "https://shop.example/"}}})]
    pages = parse_records(records_in_spark(spark, data), CLICK, load_mapping("segment")).toArrow()
    assert unpack(pages).click["click_id"].to_pylist() == ["m1"]
