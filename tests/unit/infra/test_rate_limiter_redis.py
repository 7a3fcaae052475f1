"""What the shared rate limiter does without its store."""

from __future__ import annotations

from randomchat.config import RedisSettings
from randomchat.infra.rate_limiter_redis import RedisRateLimiter
from randomchat.infra.redis import Redis
from tests.fakes import FakeClock


async def test_every_event_passes_where_redis_does_not_answer() -> None:
    limiter = RedisRateLimiter(Redis(RedisSettings()), FakeClock())
    assert [await limiter.take("a", limit=1, window_s=60) for _ in range(3)] == [None] * 3
