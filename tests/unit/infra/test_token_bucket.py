"""The rate of one connection."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from randomchat.infra.token_bucket import TokenBucket


def test_a_burst_passes_at_once_and_no_more() -> None:
    bucket = TokenBucket(20, 60, 0.0)
    assert [bucket.take(0.0) for _ in range(60)] == [0.0] * 60
    assert bucket.take(0.0) == pytest.approx(0.05)


def test_a_refusal_takes_nothing_and_says_how_long_to_wait() -> None:
    bucket = TokenBucket(2, 1, 0.0)
    bucket.take(0.0)
    assert [bucket.take(0.1) for _ in range(3)] == [pytest.approx(0.4)] * 3
    assert bucket.take(0.1 + 0.4) == 0.0


def test_it_never_holds_more_than_a_burst() -> None:
    bucket = TokenBucket(20, 3, 0.0)
    assert [bucket.take(1000.0) == 0.0 for _ in range(4)] == [True, True, True, False]


def test_who_waits_as_long_as_was_said_passes() -> None:
    bucket, now_s = TokenBucket(3, 1, 0.0), 0.0
    for _ in range(1000):
        wait_s = bucket.take(now_s)
        if wait_s:
            now_s += wait_s
            assert bucket.take(now_s) <= 0.001  # rounding may cost one more look


@given(
    st.floats(0.1, 1000),
    st.integers(1, 100),
    st.lists(st.floats(0, 5), min_size=1, max_size=200),
)
def test_no_more_pass_than_the_burst_and_the_rate_allow(per_second: float, burst: int, pauses: list[float]) -> None:
    bucket, now_s, passed = TokenBucket(per_second, burst, 0.0), 0.0, 0
    for pause_s in pauses:
        now_s += pause_s
        passed += bucket.take(now_s) == 0.0
    assert passed <= burst + per_second * now_s + 1e-6


def test_what_is_spent_on_credit_must_be_waited_for() -> None:
    bucket = TokenBucket(per_second=2, burst=10, now_s=0)
    assert bucket.spend(10, now_s=0) == 0
    assert bucket.spend(3, now_s=1) == 0.5
    assert bucket.spend(0, now_s=1.5) == 0
    assert bucket.take(now_s=2) == 0
