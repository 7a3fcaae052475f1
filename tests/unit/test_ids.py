"""Identifiers and what can be read from them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from randomchat.ids import MAX_ID, MessageIds, first_id_at, parse_id, random_id, side_of, time_ms_of

NOW_MS = 1_800_000_000_000
instants = st.integers(min_value=1, max_value=(1 << 42) - 2)


@pytest.mark.parametrize("text", ["", "0", "-1", "+1", " 1", "1 ", "01", "1.0", "1e3", "x", "\u0661", str(MAX_ID + 1), "9" * 40])
def test_what_is_no_id_is_not_parsed(text: str) -> None:
    assert parse_id(text) is None


@given(st.integers(min_value=1, max_value=MAX_ID))
def test_an_id_is_parsed_back(number: int) -> None:
    assert parse_id(str(number)) == number


@given(instants)
def test_a_random_id_tells_its_time_and_later_ones_are_larger(now_ms: int) -> None:
    assert time_ms_of(random_id(now_ms)) == now_ms
    assert random_id(now_ms) < random_id(now_ms + 1) <= MAX_ID


@given(instants)
def test_the_first_id_of_a_millisecond_is_not_larger_than_any_of_it(time_ms: int) -> None:
    assert time_ms_of(first_id_at(time_ms)) == time_ms
    assert first_id_at(time_ms) <= random_id(time_ms)
    assert first_id_at(-time_ms) == 0


@given(instants, st.sampled_from([0, 1]), st.integers(min_value=0, max_value=first_id_at((1 << 42) - 2)))
def test_a_message_id_tells_its_side_and_is_larger_than_all_known_ones(now_ms: int, side: int, floor: int) -> None:
    made = MessageIds().next(side=side, now_ms=now_ms, floor=floor)
    assert floor < made <= MAX_ID
    assert side_of(made) == side


def test_message_ids_of_one_millisecond_differ() -> None:
    ids = MessageIds()
    assert len({ids.next(side=0, now_ms=NOW_MS, floor=0) for _ in range(10_000)}) == 10_000


def test_two_nodes_at_one_floor_do_not_make_the_same_id() -> None:
    floor = random_id(NOW_MS)
    made = {MessageIds().next(side=1, now_ms=NOW_MS - 5, floor=floor) for _ in range(100)}
    assert len(made) > 95
