"""Split of a micro-batch's clicks into new ones and duplicates, and each user's first and last click."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from runtime.attribution_job.sink import clicks
from tests.oracle import Click
from tests.runtime.attribution_job.sink.rows import DAY_BEFORE, click_row, in_one_partition

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
# Rows of click id, user, minute of the hour (of the click and of its arrival), sequence number and other columns.
ClickRows = list[tuple[str, str, int, int, dict[str, object]]]

click_rows = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "ä", "c", "d"]), st.sampled_from(["u", "v", "ü"]), st.integers(0, 3),
        st.integers(0, 1), st.fixed_dictionaries(
            {"record_index": st.integers(0, 2), "is_bot": st.booleans()}, optional={"device_type": st.just("mobile")}
        ),
    )
)  # fmt: skip


def click_table(rows: ClickRows) -> pa.Table:
    return in_one_partition(
        *(
            click_row(Click(NOON + timedelta(minutes=minute), click_id, user), sequence=sequence, **columns)
            for click_id, user, minute, sequence, columns in rows
        )
    )["click"]


@given(click_rows)
def test_the_first_click_of_each_id_is_new_and_all_others_duplicates(rows: ClickRows) -> None:
    new, duplicates = clicks.first_of_each_id(click_table(rows))
    received = [
        (click_id, NOON + timedelta(minutes=minute), str(sequence), columns["record_index"])
        for click_id, _, minute, sequence, columns in rows
    ]
    order = ("click_id", "arrived_at", "sequence_number", "record_index")
    firsts = {row[0]: row for row in sorted(received, reverse=True)}
    assert [tuple(click[name] for name in order) for click in new.to_pylist()] == sorted(firsts.values())
    assert len(new) + len(duplicates) == len(rows)


@given(click_rows, st.sets(st.sampled_from(["a", "ä", "d", "elsewhere"])))
def test_clicks_with_a_stored_id_are_duplicates(rows: ClickRows, stored_ids: set[str]) -> None:
    new, duplicates = clicks.exclude_stored(clicks.first_of_each_id(click_table(rows)), DAY_BEFORE, sorted(stored_ids))
    assert set(new["click_id"].to_pylist()) == {row[0] for row in rows} - stored_ids
    assert len(new) + len(duplicates) == len(rows)


@given(click_rows)
def test_a_visit_holds_a_persons_first_and_last_click(rows: ClickRows) -> None:
    new = clicks.first_of_each_id(click_table(rows)).new
    visits = {visit["user_id"]: visit for visit in clicks.visits(new).to_pylist()}
    stored = [click for click in new.to_pylist() if not click["is_bot"]]
    assert set(visits) == {click["user_id"] for click in stored}
    for user, visit in visits.items():
        user_clicks = sorted(
            (click["click_timestamp"], click["click_id"], click["device_type"])
            for click in stored
            if click["user_id"] == user
        )
        assert (visit["first_at"], visit["first_id"]) == user_clicks[0][:2]
        assert (visit["last_at"], visit["last_id"], visit["device"]) == user_clicks[-1]


@given(click_rows, st.lists(st.one_of(st.none(), st.integers(0, 3)), max_size=3))
def test_only_clicks_up_to_the_latest_time_are_returned(rows: ClickRows, minutes: list[int | None]) -> None:
    times = [None if minute is None else NOON + timedelta(minutes=minute) for minute in minutes]
    latest = max((minute for minute in minutes if minute is not None), default=-1)
    assert len(clicks.not_later_than(click_table(rows), *times)) == sum(row[2] <= latest for row in rows)
