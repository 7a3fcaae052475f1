"""When a process can no longer be trusted."""

from __future__ import annotations

import pytest

from randomchat.ids import NodeId
from randomchat.infra.clock_watch import ClockWatch
from tests.fakes import FakeClock

ONE, TWO, THREE = NodeId("one"), NodeId("two"), NodeId("three")


class WrongClock(FakeClock):
    """`step_ms`: by how much the wall clock has been set wrong."""

    step_ms = 0

    def wall_ms(self) -> int:
        return super().wall_ms() + self.step_ms


class Watched:
    """A watch, its clock, and what it complained of."""

    def __init__(self) -> None:
        self.clock, self.complaints = WrongClock(), list[str]()
        self.watch = ClockWatch(self.clock, self.complaints.append)

    def hear(self, node: NodeId, ahead_ms: int = 0, transit_ms: float = 0.0, late_ms: int = 0) -> None:
        """A post of a node whose clock is ahead of the right time."""
        right_ms = self.clock.wall_ms() - self.clock.step_ms
        self.watch.compare(node, right_ms + ahead_ms - late_ms, transit_ms)

    def disagreement(self, *others: NodeId) -> str | None:
        return self.watch.disagreement(frozenset(others))


@pytest.fixture
def watched() -> Watched:
    return Watched()


# ---------------------------------------------------------------- standstill
def test_time_that_passes_between_looks_is_no_standstill(watched: Watched) -> None:
    for _ in range(100):
        watched.clock.advance(10)
        assert watched.watch.trustworthy()
    assert watched.complaints == []


def test_over_10_s_without_a_look_is_one_and_is_said_once(watched: Watched) -> None:
    watched.clock.advance(10.1)
    assert not watched.watch.trustworthy()
    assert watched.watch.trustworthy()
    assert watched.complaints == ["the process stood still for 10 s"]


# ---------------------------------------------------------------- steps of the wall clock
@pytest.mark.parametrize("step_ms", [2100, -2100, 3_600_000, -3_600_000])
def test_a_step_of_the_wall_clock_is_noticed_both_ways(watched: Watched, step_ms: int) -> None:
    watched.clock.advance(1)
    watched.clock.step_ms = step_ms
    assert not watched.watch.trustworthy()
    assert watched.watch.trustworthy()
    assert watched.complaints == [f"the wall clock made a step of {step_ms / 1000:.1f} s"]


@pytest.mark.parametrize("step_ms", [1900, -1900])
def test_a_small_correction_is_none(watched: Watched, step_ms: int) -> None:
    watched.clock.step_ms = step_ms
    assert watched.watch.trustworthy()


def test_a_clock_that_is_slewed_is_never_a_step(watched: Watched) -> None:
    for _ in range(100):
        watched.clock.advance(1)
        watched.clock.step_ms += 500
        assert watched.watch.trustworthy()


def test_after_a_step_no_socket_is_taken_before_another_node_was_heard(watched: Watched) -> None:
    watched.hear(ONE)
    watched.clock.step_ms = 5000
    watched.watch.trustworthy()
    assert watched.disagreement(ONE) == "the wall clock made a step, and has not been compared with another node's yet"
    watched.clock.step_ms = 0
    watched.watch.trustworthy()
    watched.hear(ONE)
    assert watched.disagreement(ONE) is None


def test_a_lone_node_believes_its_clock_after_a_step(watched: Watched) -> None:
    watched.clock.step_ms = 5000
    watched.watch.trustworthy()
    assert watched.disagreement() is None


# ---------------------------------------------------------------- other nodes' clocks
def test_clocks_that_agree_are_no_disagreement(watched: Watched) -> None:
    for ahead_ms in (0, 1900, -1900):
        watched.hear(ONE, ahead_ms)
        assert watched.disagreement(ONE) is None


@pytest.mark.parametrize("ahead_ms", [2100, -2100])
def test_over_2_s_apart_is_one(watched: Watched, ahead_ms: int) -> None:
    watched.hear(ONE, ahead_ms)
    assert watched.disagreement(ONE) == f"the wall clock is {-ahead_ms / 1000:.1f} s apart from other nodes'"


def test_the_majority_is_right(watched: Watched) -> None:
    watched.hear(ONE, 5000)
    watched.hear(TWO)
    assert watched.disagreement(ONE, TWO) is None
    watched.hear(THREE, 5000)
    assert watched.disagreement(ONE, TWO, THREE) is not None


def test_a_post_that_came_late_says_little_of_a_clock(watched: Watched) -> None:
    watched.hear(ONE)
    watched.clock.advance(1)
    watched.hear(ONE, late_ms=8000)
    assert watched.disagreement(ONE) is None


def test_the_usual_time_of_a_post_is_not_counted(watched: Watched) -> None:
    watched.hear(ONE, late_ms=3000, transit_ms=3000)
    assert watched.disagreement(ONE) is None


def test_old_comparisons_and_dead_nodes_do_not_count(watched: Watched) -> None:
    watched.hear(ONE, 5000)
    assert watched.disagreement(TWO) is None
    watched.clock.advance(10.1)
    assert watched.disagreement(ONE) is None
