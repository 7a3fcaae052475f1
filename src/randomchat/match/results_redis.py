"""Match results in Redis, shared by all match nodes."""

from __future__ import annotations

import msgspec

from randomchat.ids import UserId
from randomchat.infra.redis import Redis, Script
from randomchat.match.results import Result

_DROP = Script("""
if redis.call('GET', KEYS[1]) == ARGV[1] then
  redis.call('DEL', KEYS[1])
end
""")


class RedisResultStore:
    """`ResultStore`."""

    def __init__(self, redis: Redis, ttl_s: float) -> None:
        self._redis = redis
        self._ttl_ms = round(ttl_s * 1000)

    async def put(self, user_id: UserId, result: Result) -> None:
        await self._redis.call("SET", self._key(user_id), msgspec.json.encode(result), "PX", self._ttl_ms)

    async def find(self, user_id: UserId) -> Result | None:
        kept = await self._redis.call("GET", self._key(user_id))
        return None if kept is None else msgspec.json.decode(kept, type=Result)

    async def drop(self, user_id: UserId, result: Result) -> None:
        await self._redis.run(_DROP, [self._key(user_id)], msgspec.json.encode(result))

    def _key(self, user_id: UserId) -> str:
        return self._redis.key("result", user_id)
