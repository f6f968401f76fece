"""The cut of a micro-batch into slices: rows that the sink writes together are in one slice."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.attribution_job.sink.slices import IDS, Cut, checkout_ids, slice_number
from tests.oracle import Checkout, Click, Event
from tests.runtime.attribution_job.sink.rows import candidate_row, dead_letter_row, event_row, in_one_partition
from tests.strategies import corrected_shop

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("key", "checksum"), [("", 0), ("user-1", 2116437524), ("ü3", 2601021865), ("123456789", 0xCBF43926)]
)
def test_a_users_slice_is_the_same_in_every_version(key: str, checksum: int) -> None:
    assert [slice_number(key.encode(), count) for count in (1, 2, 3, 4)] == [checksum % n for n in (1, 2, 3, 4)]


def received(events: list[Event]) -> list[dict[str, object]]:
    """Returns the rows of events that arrive in their order."""
    return [event_row(event, sequence=number, arrived_at=NOON + number * MINUTE) for number, event in enumerate(events)]


@given(events=corrected_shop(), count=st.integers(1, 5), data=st.data())
def test_each_row_is_in_one_slice_and_the_events_of_an_id_in_the_same(
    events: list[Event], count: int, data: st.DataObject
) -> None:
    letters = [dead_letter_row(number // 2, "no", b"", NOON, index=number % 2) for number in range(6)]
    rows = in_one_partition(*data.draw(st.permutations(received(events))), *letters)
    cut = Cut(rows, count, {})
    slices = [cut.rows(number) for number in range(count)]
    for kind, stored in rows.items():
        parts = [row for part in slices for row in part[kind].to_pylist()]
        assert sorted(map(str, parts)) == sorted(map(str, stored.to_pylist()))
    for kind, name in IDS.items():
        first_users = {
            row[name]: row["user_id"]
            for row in sorted(rows[kind].to_pylist(), key=lambda row: row["arrived_at"], reverse=True)
        }
        for number, part in enumerate(slices):
            numbers = {slice_number(first_users[row[name]].encode(), count) for row in part[kind].to_pylist()}
            assert numbers <= {number}
    letter_slices = [{row["sequence_number"] for row in part["dead_letter"].to_pylist()} for part in slices]
    assert sum(map(len, letter_slices)) == 3, "the dead letters of a record stay together"


def slices_of(rows: dict[str, pa.Table], kind: str, stored_users: dict[str, str]) -> list[int]:
    """Returns the number of each slice of three that has rows of a kind."""
    cut = Cut(rows, 3, stored_users)
    return [number for number in range(3) if len(cut.rows(number)[kind])]


def test_a_stored_checkout_and_its_candidates_go_to_its_stored_user() -> None:
    click, checkout = Click(NOON, "c", "u1"), Checkout(NOON, "k", "u1")
    rows = in_one_partition(*received([click, checkout]), candidate_row(checkout, click))
    assert checkout_ids(rows) == ["k"]
    received_user, stored_user = (slice_number(user, 3) for user in (b"u1", b"u2"))
    assert received_user != stored_user
    for kind in ("checkout", "candidate"):
        assert slices_of(rows, kind, {}) == [received_user]
        assert slices_of(rows, kind, {"k": "u2"}) == [stored_user]
    assert slices_of(rows, "click", {"k": "u2"}) == [received_user]
    assert Cut(rows, 3, {"k": "u2", "l": "u1"}).stored_users(stored_user) == {"k": "u2"}


def test_a_candidate_without_its_checkout_goes_to_the_stored_user() -> None:
    rows = in_one_partition(candidate_row(Checkout(NOON, "k", "u1"), Click(NOON, "c", "u1")))
    assert checkout_ids(rows) == ["k"]
    assert slices_of(rows, "candidate", {"k": "u2"}) == [slice_number(b"u2", 3)]
    assert len(slices_of(rows, "candidate", {})) == 1


def test_one_slice_is_the_batch_itself() -> None:
    rows = in_one_partition(*received([Click(NOON, "c", "u")]))
    assert Cut(rows, 1, {}).rows(0) is rows
