"""What every rate limiter promises."""

from collections.abc import Awaitable, Callable

import pytest

from randomchat.infra.rate_limiter import RateLimiter
from randomchat.infra.rate_limiter_memory import MemoryRateLimiter
from randomchat.infra.rate_limiter_redis import RedisRateLimiter
from tests.fakes import FakeClock

Take = Callable[[str], Awaitable[float | None]]
LIMIT = 3
WINDOW_S = 60.0


@pytest.fixture(params=["memory", "redis"])
def limiter(request: pytest.FixtureRequest, clock: FakeClock) -> RateLimiter:
    if request.param == "redis":
        return RedisRateLimiter(request.getfixturevalue("redis"), clock)
    return MemoryRateLimiter(clock)


@pytest.fixture
def take(limiter: RateLimiter) -> Take:
    return lambda key: limiter.take(key, limit=LIMIT, window_s=WINDOW_S)


async def test_as_many_events_pass_as_the_limit_says(take: Take) -> None:
    assert [await take("a") for _ in range(LIMIT)] == [None] * LIMIT
    assert await take("a") is not None


async def test_one_key_does_not_count_for_another(take: Take) -> None:
    for _ in range(LIMIT + 1):
        await take("a")
    assert await take("b") is None


async def test_the_answer_says_when_it_is_worth_trying_again(take: Take, clock: FakeClock) -> None:
    for _ in range(LIMIT):
        await take("a")
        clock.advance(5)
    wait_s = await take("a") or 0
    assert wait_s == pytest.approx(WINDOW_S - 5 * LIMIT)
    clock.advance(wait_s - 0.5)
    assert await take("a") is not None
    clock.advance(0.6)
    assert await take("a") is None


async def test_the_window_slides_instead_of_starting_anew(take: Take, clock: FakeClock) -> None:
    await take("a")
    clock.advance(WINDOW_S / 2)
    await take("a")
    await take("a")
    clock.advance(WINDOW_S / 2 + 0.1)
    assert await take("a") is None, "the first event has left the window"
    assert await take("a") is not None, "the second and the third have not"


async def test_a_refused_event_is_not_counted(take: Take, clock: FakeClock) -> None:
    for _ in range(LIMIT):
        await take("a")
    for _ in range(10):
        clock.advance(WINDOW_S / 20)
        assert await take("a") is not None
    clock.advance(WINDOW_S / 2 + 0.1)
    assert await take("a") is None
