"""The event contract as column expressions: records in, accepted events and dead letters out."""

from collections.abc import Callable
from datetime import UTC, datetime

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from runtime.attribution_job.contract import SCHEMA_VERSION, Contract

MOST_BYTES = 1024 * 1024
# A B-tree key in PostgreSQL may take 2,704 bytes, and 256 characters are what Kinesis allows a partition key.
MOST_ID_CHARACTERS = 256
MOST_AHEAD = "5 minutes"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# \z, because $ would let a line break pass.
TIMESTAMP = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)\z"
AMOUNT = r"^\d{1,10}(\.\d{1,2})?\z"  # numeric(12, 2)
CURRENCY = r"^[A-Z]{3}\z"
# What PostgreSQL's text cannot hold, escaped: NUL, and halves of a surrogate pair. After an escaped backslash such an
# escape is only letters.
NUL = r"(?<!\\)(\\\\)*\\u0000"
LONE_SURROGATE = (
    r"(?i)(?<!\\)(\\\\)*\\ud[89ab][0-9a-f]{2}(?!\\ud[c-f])"
    r"|(?<!\\ud[89ab][0-9a-f]{2})(?<!\\)(\\\\)*\\ud[c-f]"
)
# Spark's parser takes the first value and forgets the rest of the text: two events in one record would be one. Read
# as the first element of a list that ends with this mark, the rest shows.
END_MARK = 7
ITEMS = "array<struct<product_id: string, quantity: int, unit_price: string>>"


def parse(records: DataFrame, contract: Contract) -> DataFrame:
    """Reads each record's bytes as an event of `contract`, and says why where that is not possible.

    Takes the five columns of a Kinesis source; gives `event` (the contract's columns and the count
    `unknown_fields`; null: refused), `dead_letter` (a row of that table, `data` being the original bytes as
    PostgreSQL reads them, `\\x…`; null: accepted), and of the event `user_id` and `event_time`. A refused record
    has a `user_id` that nothing else has and the epoch as `event_time`, so that it joins with nothing.
    """
    text = F.col("data").cast("string")
    readable = records.select("*", text.rlike(contract.plain).alias("plain"), _unreadable(text).alias("unreadable"))
    enclosed = F.concat(F.lit("["), text, F.lit(f", {END_MARK}]"))
    json = readable.select("*", F.when(F.col("unreadable").isNull(), F.try_parse_json(enclosed)).alias("enclosed"))
    whole = json.select(
        "*",
        F.when(
            F.try_variant_get("enclosed", "$[1]", "int") == END_MARK,
            F.try_variant_get("enclosed", "$[0]", "variant"),
        ).alias("json"),
    )
    # Looking at every name and type takes longer than all else together: it is for the events that are not plain.
    special = F.when(~F.col("plain"), F.col("json"))
    fields = whole.select(
        "*",
        F.try_variant_get(special, "$", "map<string, variant>").alias("fields"),
        F.from_json(
            F.when(F.col("json").isNotNull(), text), ", ".join(f"{field} string" for field in contract.texts)
        ).alias("texts"),
    )
    values = fields.select(
        *records.columns,
        F.col("approximateArrivalTimestamp").alias("arrived_at"),
        F.col("sequenceNumber").alias("sequence_number"),
        "plain",
        "unreadable",
        "json",
        F.when(F.col("plain"), _given(contract)).otherwise(F.map_keys("fields")).alias("names"),
        F.to_json(F.try_variant_get(special, "$.schema_version", "variant")).alias("schema_version"),
        F.map_keys(F.map_filter("fields", _is_mistyped(contract))).alias("mistyped"),
        *[F.col(f"texts.{field}").alias(field) for field in contract.texts if field != contract.timestamp],
        _time(F.col(f"texts.{contract.timestamp}")).alias(contract.timestamp),
        *([_items().alias("items")] if contract.sale else []),
    )
    unknown = F.size(F.array_except("names", F.array(*map(F.lit, contract.fields))))
    checked = values.select("*", unknown.alias("unknown_fields"), _reason(contract).alias("reason"))
    # The optimizer pushes what filters on `reason` through a projection, and copies the whole parser into it, many
    # times over; through a generator it does not.
    split = checked.select(F.inline_outer(F.array(_split(contract))))
    # Never null, and said so: for a join the optimizer would filter nulls out, below what its two users share.
    return split.withColumns(
        {"user_id": F.coalesce("user_id", F.lit("")), "event_time": F.coalesce("event_time", F.lit(EPOCH))}
    )


def _unreadable(text: Column) -> Column:
    return (
        F.when(F.length("data") > MOST_BYTES, "oversized: more than 1 MiB")
        .when(~F.is_valid_utf8(text), "not UTF-8")
        .when(F.contains(text, F.lit("\\u0000")) & text.rlike(NUL), "contains NUL")
        .when(F.contains(F.lower(text), F.lit("\\ud")) & text.rlike(LONE_SURROGATE), "contains half a surrogate pair")
    )


def _given(contract: Contract) -> Column:
    """The required fields that a plain event has: it has them with a text, or not at all."""
    return F.array_compact(
        F.array(*[F.when(F.col(f"texts.{field}").isNotNull(), field) for field in contract.required])
    )


def _split(contract: Contract) -> Column:
    accepted = F.col("reason").isNull()
    dead_letter = F.struct(
        F.col("streamName").alias("stream_name"),
        F.col("sequenceNumber").alias("sequence_number"),
        F.col("partitionKey").alias("partition_key"),
        "reason",
        F.concat(F.lit("\\x"), F.hex("data")).alias("data"),
        "arrived_at",
    )
    nobody = F.concat_ws(" ", "streamName", "sequenceNumber")
    return F.struct(
        F.when(accepted, F.col("user_id")).otherwise(nobody).alias("user_id"),
        F.when(accepted, F.col(contract.timestamp)).otherwise(F.lit(EPOCH)).alias("event_time"),
        F.when(accepted, F.struct(*contract.columns, "unknown_fields")).alias("event"),
        F.when(~accepted, dead_letter).alias("dead_letter"),
    )


def _is_mistyped(contract: Contract) -> Callable[[Column, Column], Column]:
    """Of the fields that hold text, those that hold something else; the rest is checked by value."""
    texts = F.array(*map(F.lit, contract.texts))
    return lambda name, value: F.array_contains(texts, name) & ~F.schema_of_variant(value).isin("STRING", "VOID")


def _items() -> Column:
    items = F.try_variant_get("json", "$.items", ITEMS)
    return F.when(F.forall(items, F.isnotnull), F.to_json(items))


def _time(text: Column) -> Column:
    return F.when(text.rlike(TIMESTAMP), F.try_to_timestamp(text))


def _reason(contract: Contract) -> Column:
    """Why the event is not acceptable, by the first thing that is wrong; null when nothing is."""
    missing = [F.when(~F.array_contains("names", field), f"{field}: missing") for field in contract.required]
    return F.coalesce(
        F.col("unreadable"),
        F.when(F.col("json").isNull(), "not JSON"),
        F.when(F.col("names").isNull(), "not a JSON object"),
        *missing,
        F.when(F.size("mistyped") > 0, F.concat(F.element_at("mistyped", 1), F.lit(": expected a string"))),
        *[
            _unless(
                F.length(field).between(1, MOST_ID_CHARACTERS),
                f"{field}: expected 1 to {MOST_ID_CHARACTERS} characters",
            )
            for field in contract.ids
        ],
        *_sale_problems(contract),
        F.when(~F.col("schema_version").isin(SCHEMA_VERSION, "null"), f"schema_version: expected {SCHEMA_VERSION}"),
        _unless(
            F.col(contract.timestamp).isNotNull(),
            f"{contract.timestamp}: expected a time like 2026-11-23T09:30:00.000Z",
        ),
        _unless(F.col(contract.timestamp) >= "1970-01-01", f"{contract.timestamp}: before 1970"),
        # A time far in the future would move the watermark for good, and make everything after it late.
        _unless(
            F.col(contract.timestamp) <= F.col("arrived_at") + F.expr(f"interval {MOST_AHEAD}"),
            f"{contract.timestamp}: more than {MOST_AHEAD} ahead of its arrival",
        ),
    )


def _sale_problems(contract: Contract) -> list[Column]:
    if not contract.sale:
        return []
    given = F.coalesce(F.schema_of_variant(F.try_variant_get("json", "$.items", "variant")), F.lit("VOID")) != "VOID"
    return [
        _unless(F.col("total_amount").rlike(AMOUNT), 'total_amount: expected a decimal string like "19.90"'),
        _unless(F.col("currency").rlike(CURRENCY), 'currency: expected a currency code like "EUR"'),
        _unless(
            ~given | F.col("items").isNotNull(),
            "items: expected a list of {product_id, quantity, unit_price}",
        ),
    ]


def _unless(condition: Column, reason: str) -> Column:
    return F.when(~F.coalesce(condition, F.lit(False)), reason)
