"""When calls are made, and when they are spared."""

import pytest

from randomchat.infra.circuit_breaker import PROBE_EVERY_S, THRESHOLD, CircuitBreaker
from tests.fakes import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def breaker(clock: FakeClock) -> CircuitBreaker:
    return CircuitBreaker(clock)


def fall_silent(breaker: CircuitBreaker, calls: int = THRESHOLD) -> None:
    for _ in range(calls):
        assert breaker.admits_call()
        breaker.note_silence()


def test_some_calls_without_an_answer_change_nothing(breaker: CircuitBreaker) -> None:
    fall_silent(breaker, THRESHOLD - 1)
    assert not breaker.is_open
    assert breaker.admits_call()


def test_only_calls_in_a_row_count(breaker: CircuitBreaker) -> None:
    for _ in range(3):
        fall_silent(breaker, THRESHOLD - 1)
        breaker.note_answer()
    assert not breaker.is_open


def test_too_many_in_a_row_open_it(breaker: CircuitBreaker) -> None:
    fall_silent(breaker)
    assert breaker.is_open
    assert not breaker.admits_call()


def test_one_call_at_a_time_finds_out_whether_the_peer_is_back(breaker: CircuitBreaker, clock: FakeClock) -> None:
    fall_silent(breaker)
    clock.advance(PROBE_EVERY_S)
    assert [breaker.admits_call() for _ in range(3)] == [True, False, False]
    breaker.note_silence()
    assert not breaker.admits_call()
    clock.advance(PROBE_EVERY_S)
    assert breaker.admits_call()
    breaker.note_answer()
    assert not breaker.is_open
    assert all(breaker.admits_call() for _ in range(3))


def test_a_probe_of_which_nothing_is_heard_holds_nobody_up(breaker: CircuitBreaker, clock: FakeClock) -> None:
    fall_silent(breaker)
    clock.advance(PROBE_EVERY_S)
    assert breaker.admits_call()
    clock.advance(PROBE_EVERY_S)
    assert breaker.admits_call()


def test_late_failures_do_not_put_off_the_next_probe(breaker: CircuitBreaker, clock: FakeClock) -> None:
    fall_silent(breaker)
    clock.advance(PROBE_EVERY_S)
    breaker.note_silence()
    assert breaker.admits_call()
