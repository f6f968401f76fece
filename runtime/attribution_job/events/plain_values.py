"""Checks of plain events column by column, for the rules that a pattern of their bytes cannot express.

Readers of `values` decide on columns with few distinct values: each distinct value is read once.
"""

import functools
from collections.abc import Callable, Iterator

import pyarrow as pa
import pyarrow.compute as pc

from runtime.attribution_job.events.contract import Contract
from runtime.attribution_job.events.validation import MAX_BYTES
from runtime.attribution_job.events.values import ids
from runtime.attribution_job.events.values.currencies import CURRENCIES
from runtime.attribution_job.events.values.robots import is_robot, is_robots_device
from runtime.attribution_job.events.values.times import MAX_AHEAD
from runtime.attribution_job.events.values.traffic import CLICK_IDS, UTM, is_placeholder

PLACEHOLDERS = pa.array(sorted(ids.PLACEHOLDERS))
LONGEST_WORD = max(len(text) for text in ids.PLACEHOLDERS if not text.startswith("00"))
UUID_LENGTHS = pa.array([32, 36], pa.int32())
UUID = rf"^{ids.UUID}$"
TRAFFIC_PARAMETERS = rf"(?i)(?:{'|'.join((*UTM, *CLICK_IDS))})="
SITE = r"^https?://(?P<site>[^/?#]*)"


def is_plain(records: pa.RecordBatch, values: pa.Table, contract: Contract) -> pa.BooleanArray:
    """Tells which of the parsed events need no repair and break no rule."""
    latest_time = pc.add(records["approximateArrivalTimestamp"], pa.scalar(MAX_AHEAD))
    checks = [
        pc.less_equal(pc.binary_length(records["data"]), MAX_BYTES),
        pc.less_equal(values[contract.timestamp], latest_time),
        *[pc.is_valid(values[field]) for field in contract.required],
        *[check for field in contract.ids for check in _id_checks(values[field])],
    ]
    if contract.amount:
        checks += _each(values["currency"], CURRENCIES.__contains__)
    if "utm_source" in contract.labels:
        checks += _each(values["user_agent"], lambda user_agent: not is_robot(user_agent))
        checks += _each(values["device_type"], lambda device: not is_robots_device(device))
        checks += _traffic_checks(values)
    return pc.fill_null(functools.reduce(pc.and_, checks), False).combine_chunks()


def _each(column: pa.ChunkedArray, check: Callable[[str], bool]) -> Iterator[pa.ChunkedArray]:
    """Yields a check of a column if one of its distinct values fails `check`. Nulls pass."""
    failing = [value for value in pc.unique(column).to_pylist() if value is not None and not check(value)]
    if failing:
        yield pc.invert(pc.is_in(column, pa.array(failing, column.type)))


def _id_checks(column: pa.ChunkedArray) -> Iterator[pa.ChunkedArray]:
    # Plain ids are ASCII, so a byte is a character.
    lengths = pc.binary_length(column)
    yield pc.less_equal(lengths, ids.MAX_CHARACTERS)
    has_uuids = pc.any(pc.is_in(lengths, UUID_LENGTHS)).as_py()
    if has_uuids or pc.any(pc.less_equal(lengths, LONGEST_WORD)).as_py():
        lower_case = pc.ascii_lower(column)
        yield pc.invert(pc.is_in(lower_case, PLACEHOLDERS))
        has_capitals = pc.not_equal(column, lower_case)
        # To match all ids takes longer than the other checks together.
        if has_uuids and pc.any(has_capitals).as_py():
            yield pc.invert(pc.and_(has_capitals, pc.match_substring_regex(column, UUID)))


def _traffic_checks(values: pa.Table) -> Iterator[pa.ChunkedArray]:
    """Yields checks that the utm labels stand, and that no other one can be read from the URL or the referrer."""
    for field in UTM:
        yield from _each(values[field], lambda text: not is_placeholder(text))
    is_null = [pc.is_null(values[field]) for field in UTM]
    lacks_one, lacks_all = functools.reduce(pc.or_, is_null), functools.reduce(pc.and_, is_null)
    page_url, referrer = values["page_url"], values["referrer"]
    # A URL without `=` has no parameters.
    if pc.any(pc.match_substring(page_url.filter(lacks_one), "=")).as_py():
        yield pc.invert(pc.and_(lacks_one, _is_true(pc.match_substring_regex(page_url, TRAFFIC_PARAMETERS))))
    is_referred = pc.and_(lacks_all, _is_true(pc.not_equal(referrer, "")))
    if pc.any(is_referred).as_py():
        is_same_site = pc.equal(_site(page_url), _site(referrer))
        yield pc.or_(pc.invert(is_referred), _is_true(is_same_site))


def _site(urls: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.struct_field(pc.extract_regex(urls, SITE), "site")


def _is_true(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.fill_null(column, False)
