from datetime import UTC, datetime, timedelta

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from runtime.attribution_job.sink import clicks
from tests.oracle import Click
from tests.runtime.attribution_job.sink.rows import click_row, table

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
Received = list[tuple[str, str, int, int, dict[str, str]]]

received = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "ä", "c", "d"]), st.sampled_from(["u", "v", "ü"]), st.integers(0, 3),
        st.integers(0, 3), st.sampled_from([{"device_type": "mobile"}, {}]),
    )
)  # fmt: skip


def made(rows: Received) -> pa.Table:
    """Of click id, user, minute, sequence number and what else it says."""
    return table(
        *(
            click_row(Click(NOON + timedelta(minutes=minute), click_id, user), sequence=sequence, **said)
            for click_id, user, minute, sequence, said in rows
        )
    )["click"]


@given(received)
def test_under_one_id_the_first_in_the_stream_is_new_and_nothing_is_lost(rows: Received) -> None:
    new, repeated = clicks.first_of_each_id(made(rows))
    firsts = {click_id: min(row[3] for row in rows if row[0] == click_id) for click_id, *_ in rows}
    assert new["click_id"].to_pylist() == sorted(firsts)
    assert dict(zip(new["click_id"].to_pylist(), map(int, new["sequence_number"].to_pylist()), strict=True)) == firsts
    assert len(new) + len(repeated) == len(rows)


@given(received, st.sets(st.sampled_from(["a", "ä", "d", "elsewhere"])))
def test_known_ids_are_repeated(rows: Received, known: set[str]) -> None:
    new, repeated = clicks.without(clicks.first_of_each_id(made(rows)), sorted(known))
    assert set(new["click_id"].to_pylist()) == {row[0] for row in rows} - known
    assert len(new) + len(repeated) == len(rows)


@given(received)
def test_a_visit_is_a_users_first_and_last_click_with_what_they_said(rows: Received) -> None:
    new = clicks.first_of_each_id(made(rows)).new
    found = {visit["user_id"]: visit for visit in clicks.visits(new).to_pylist()}
    stored = new.to_pylist()
    assert set(found) == {click["user_id"] for click in stored}
    for user, visit in found.items():
        theirs = sorted(
            (click["click_timestamp"], click["click_id"], click["device_type"])
            for click in stored
            if click["user_id"] == user
        )
        assert (visit["first_at"], visit["first_id"]) == theirs[0][:2]
        assert (visit["last_at"], visit["last_id"], visit["device"]) == theirs[-1]


@given(received, st.lists(st.one_of(st.none(), st.integers(0, 3)), max_size=3))
def test_up_to_the_latest_time_are_those_that_are_no_later(rows: Received, minutes: list[int | None]) -> None:
    times = [None if minute is None else NOON + timedelta(minutes=minute) for minute in minutes]
    latest = max((minute for minute in minutes if minute is not None), default=-1)
    assert len(clicks.up_to(made(rows), *times)) == sum(row[2] <= latest for row in rows)
