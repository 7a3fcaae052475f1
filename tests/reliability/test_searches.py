"""The judge of searches is tried first: it finds every planted fault, and nothing where all is well."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.reliability.checker import Kind
from tests.reliability.searches import Search, half_told, judge_searches

Plant = Callable[[list[Search]], None]


def good_searches() -> list[Search]:
    """Two pairs; one has parted, and one of the other has two tabs."""
    return [
        Search(1, [("a", 10.0)], {1, 2}, told_over=True, over=True),
        Search(2, [("a", 10.1)], {1, 2}, told_over=True, over=True),
        Search(3, [("b", 11.0), ("b", 11.2)], {3, 4}, over=None),
        Search(4, [("b", 11.1)], None),
    ]


def no_answer(searches: list[Search]) -> None:
    searches.append(Search(5))


def two_channels_for_one_search(searches: list[Search]) -> None:
    searches[2].answers[1] = ("c", 11.2)


def three_in_a_channel(searches: list[Search]) -> None:
    searches.append(Search(5, [("a", 10.2)]))


def only_one_was_told(searches: list[Search]) -> None:
    searches.pop()


def with_oneself(searches: list[Search]) -> None:
    searches.append(Search(5, [("d", 12.0), ("d", 12.0)]))


def a_channel_of_others(searches: list[Search]) -> None:
    searches[0].members = {2, 9}


def a_channel_of_one(searches: list[Search]) -> None:
    searches[0].members = {1}


def it_goes_on(searches: list[Search]) -> None:
    searches[1].over = False


PLANTS: list[tuple[Plant, Kind]] = [
    (no_answer, Kind.UNANSWERED),
    (two_channels_for_one_search, Kind.PAIR),
    (three_in_a_channel, Kind.PAIR),
    (only_one_was_told, Kind.PAIR),
    (with_oneself, Kind.PAIR),
    (a_channel_of_others, Kind.PAIR),
    (a_channel_of_one, Kind.PAIR),
    (it_goes_on, Kind.REOPENED),
]


def test_good_searches_pass() -> None:
    assert judge_searches(good_searches()) == []
    assert half_told(good_searches()) == 0


@pytest.mark.parametrize(("plant", "kind"), PLANTS, ids=[plant.__name__ for plant, _ in PLANTS])
def test_a_planted_fault_is_found(plant: Plant, kind: Kind) -> None:
    searches = good_searches()
    plant(searches)
    assert kind in {violation.kind for violation in judge_searches(searches)}


@pytest.mark.parametrize("plant", [only_one_was_told, two_channels_for_one_search], ids=lambda plant: plant.__name__)
def test_a_result_may_be_lost_with_what_is_ephemeral_and_is_counted(plant: Plant) -> None:
    searches = good_searches()
    plant(searches)
    assert judge_searches(searches, lambda at: at > 10.5) != judge_searches(searches, lambda _: False)


@pytest.mark.parametrize("plant", [three_in_a_channel, with_oneself, no_answer, it_goes_on], ids=lambda plant: plant.__name__)
def test_nothing_else_is_forgiven_for_that(plant: Plant) -> None:
    searches = good_searches()
    plant(searches)
    found = judge_searches(searches, lambda _: True)
    assert found or plant is with_oneself
