"""What the rate limiter in memory keeps, and what it forgets."""

from randomchat.infra.rate_limiter_memory import MemoryRateLimiter
from tests.fakes import FakeClock


async def test_keys_are_forgotten_once_their_window_is_over() -> None:
    clock = FakeClock()
    limiter = MemoryRateLimiter(clock)
    for number in range(100):
        await limiter.take(f"key {number}", limit=3, window_s=60)
    clock.advance(61)
    await limiter.take("another", limit=3, window_s=60)
    assert len(limiter) == 1


async def test_a_flood_of_keys_is_bounded_and_takes_the_quietest_keys_first() -> None:
    clock = FakeClock()
    limiter = MemoryRateLimiter(clock, max_events=100)
    await limiter.take("busy", limit=2, window_s=60)
    for number in range(99):
        await limiter.take(f"key {number}", limit=1, window_s=60)
    await limiter.take("busy", limit=2, window_s=60)
    for number in range(50):
        await limiter.take(f"more {number}", limit=1, window_s=60)
    assert len(limiter) <= 100
    assert await limiter.take("busy", limit=2, window_s=60) is not None
    assert await limiter.take("key 0", limit=1, window_s=60) is None


async def test_a_flood_of_one_key_keeps_no_more_than_the_limit() -> None:
    limiter = MemoryRateLimiter(FakeClock())
    for _ in range(1000):
        await limiter.take("key", limit=7, window_s=60)
    assert len(limiter) == 7
