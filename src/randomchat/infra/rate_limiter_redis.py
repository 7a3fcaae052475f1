"""Rate limits in Redis, shared by all processes of a service."""

from __future__ import annotations

import secrets

from randomchat.clock import Clock
from randomchat.errors import Unavailable
from randomchat.infra.redis import Redis, Script

# The events of a key, by their times. Each has a name of its own, so that a call that is repeated counts once.
_TAKE = Script("""
local now, window, limit, event = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - window)
if redis.call('ZSCORE', KEYS[1], event) then
  return false
end
if redis.call('ZCARD', KEYS[1]) >= limit then
  local pace = redis.call('ZRANGE', KEYS[1], -limit, -limit, 'WITHSCORES')
  return pace[2] + window - now
end
redis.call('ZADD', KEYS[1], now, event)
redis.call('PEXPIRE', KEYS[1], window)
return false
""")


class RedisRateLimiter:
    """`RateLimiter` by the wall clocks of the nodes. Each key is to be used with one window."""

    def __init__(self, redis: Redis, clock: Clock) -> None:
        self._redis = redis
        self._clock = clock

    async def take(self, key: str, *, limit: int, window_s: float) -> float | None:
        window_ms = round(window_s * 1000)
        event = secrets.token_bytes(8)
        try:
            wait_ms = await self._redis.run(_TAKE, [self._redis.key("rate", key)], self._clock.wall_ms(), window_ms, limit, event)
        except Unavailable:
            return None
        return None if wait_ms is None else max(1, wait_ms) / 1000
