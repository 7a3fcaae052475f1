"""Routes in Redis, shared by all chat nodes."""

from __future__ import annotations

from collections.abc import Mapping

from randomchat.chat.routes import ROUTE_TTL_S
from randomchat.clock import Clock
from randomchat.ids import ChannelId, NodeId, UserId
from randomchat.infra.redis import Redis, Script

# A hash for each channel: node -> when its route ends, and the users, as in "1800000000000 11 22".
_PUT = Script("""
local nodes, node, now, ttl, users = KEYS[1], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
if users == '' then
  return redis.call('HDEL', nodes, node)
end
local routes = redis.call('HGETALL', nodes)
for i = 1, #routes, 2 do
  if tonumber(string.match(routes[i + 1], '%d+')) <= now then
    redis.call('HDEL', nodes, routes[i])
  end
end
redis.call('HSET', nodes, node, string.format('%d %s', now + ttl, users))
redis.call('PEXPIRE', nodes, ttl)
""")


class RedisRoutes:
    """`Routes` by the wall clocks of the nodes: some seconds between them are nothing to a route."""

    def __init__(self, redis: Redis, clock: Clock) -> None:
        self._redis = redis
        self._clock = clock

    async def put(self, channel_id: ChannelId, node: NodeId, users: frozenset[UserId]) -> None:
        now_ms, ttl_ms = self._clock.wall_ms(), round(ROUTE_TTL_S * 1000)
        await self._redis.run(_PUT, [self._key(channel_id)], node, now_ms, ttl_ms, " ".join(map(str, users)))

    async def get(self, channel_id: ChannelId) -> Mapping[NodeId, frozenset[UserId]]:
        now_ms = self._clock.wall_ms()
        routes: dict[bytes, bytes] = await self._redis.call("HGETALL", self._key(channel_id))
        found = {}
        for node, route in routes.items():
            ends_at_ms, *users = map(int, route.split())
            if ends_at_ms > now_ms:
                found[NodeId(node.decode())] = frozenset(map(UserId, users))
        return found

    def _key(self, channel_id: ChannelId) -> str:
        return self._redis.key("routes", channel_id)
