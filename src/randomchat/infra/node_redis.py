"""Node leases in Redis, shared by all nodes of a service."""

from __future__ import annotations

import asyncio
import itertools

from redis.crc import key_slot

from randomchat.ids import NodeId
from randomchat.infra.node import LEASE_S
from randomchat.infra.redis import Redis, Script

# A lease is a key that Redis itself lets end, so that no node's clock matters; a set beside them says which keys to look at.
_RENEW = Script("""
local known = redis.call('EXISTS', KEYS[1])
redis.call('SET', KEYS[1], '', 'PX', ARGV[2])
redis.call('SADD', KEYS[2], ARGV[1])
redis.call('PEXPIRE', KEYS[2], 2 * ARGV[2])
return known
""")
_RELEASE = Script("""
redis.call('DEL', KEYS[1])
redis.call('SREM', KEYS[2], ARGV[1])
""")
_LIST = Script("""
local alive = {}
for _, node in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  if redis.call('EXISTS', KEYS[1] .. ':' .. node) == 1 then
    table.insert(alive, node)
  else
    redis.call('SREM', KEYS[1], node)
  end
end
return alive
""")


SLOTS = 16384
WITNESSES = 6
"""Keys of each node, evenly spread over the slots, so that no master can forget what it held without one of them."""


class RedisNodeLeases:
    """`NodeLeases` of one service."""

    def __init__(self, redis: Redis, service: str) -> None:
        self._redis = redis
        self._nodes = redis.key("leases", f"{{{service}}}")
        self._witnesses = [redis.key("witness", f"{{{tag}}}", service) for tag in _spread_tags()]

    async def renew(self, node: NodeId) -> bool:
        known, *witnessed = await asyncio.gather(
            self._redis.run(_RENEW, self._keys(node), node, round(LEASE_S * 1000)),
            *(self._witness(f"{key}:{node}") for key in self._witnesses),
        )
        return bool(known) and all(witnessed)

    async def _witness(self, key: str) -> bool:
        """Put the key again; whether it was there."""
        return await self._redis.call("SET", key, "1", "PX", round(LEASE_S * 1000), "GET") is not None

    async def release(self, node: NodeId) -> None:
        await self._redis.run(_RELEASE, self._keys(node), node)

    async def list_alive(self) -> frozenset[NodeId]:
        alive = await self._redis.run(_LIST, [self._nodes])
        return frozenset(NodeId(node.decode()) for node in alive)

    def _keys(self, node: NodeId) -> list[str]:
        return [f"{self._nodes}:{node}", self._nodes]


def _spread_tags() -> list[str]:
    """One for each of `WITNESSES` equal parts of the slots."""
    found: dict[int, str] = {}
    for number in itertools.count():
        found.setdefault(key_slot(str(number).encode()) * WITNESSES // SLOTS, str(number))
        if len(found) == WITNESSES:
            return list(found.values())
    raise AssertionError
