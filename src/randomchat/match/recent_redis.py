"""Recent partners in Redis, shared by all match nodes."""

from __future__ import annotations

import asyncio

from randomchat.clock import Clock
from randomchat.ids import UserId
from randomchat.infra.redis import Redis, Script

# A list for each person, newest meeting first: when it was and with whom, as in "1800000000000 22".
_ADD = Script("""
redis.call('LPUSH', KEYS[1], ARGV[1])
redis.call('LTRIM', KEYS[1], 0, ARGV[2] - 1)
redis.call('PEXPIRE', KEYS[1], ARGV[3])
""")


class RedisRecentPartners:
    """`RecentPartners` by the wall clocks of the nodes."""

    def __init__(self, redis: Redis, clock: Clock, *, count: int, hours: float) -> None:
        self._redis = redis
        self._clock = clock
        self._count = count
        self._age_ms = round(hours * 3_600_000)

    async def add(self, one: UserId, other: UserId) -> None:
        if self._count:
            await asyncio.gather(self._note(one, other), self._note(other, one))

    async def list_recent(self, user_id: UserId) -> frozenset[UserId]:
        since_ms = self._clock.wall_ms() - self._age_ms
        meetings = (meeting.split() for meeting in await self._redis.call("LRANGE", self._key(user_id), 0, -1))
        return frozenset(UserId(int(partner)) for met_at_ms, partner in meetings if int(met_at_ms) > since_ms)

    async def _note(self, user_id: UserId, partner: UserId) -> None:
        meeting = f"{self._clock.wall_ms()} {partner}"
        await self._redis.run(_ADD, [self._key(user_id)], meeting, self._count, self._age_ms)

    def _key(self, user_id: UserId) -> str:
        return self._redis.key("met", user_id)
