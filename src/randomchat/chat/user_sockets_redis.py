"""Users' sockets in Redis, shared by all chat nodes."""

from __future__ import annotations

from collections.abc import Iterable

from randomchat.chat.user_sockets import SocketRef
from randomchat.ids import NodeId, UserId
from randomchat.infra.redis import Redis, Script

# A list for each user, oldest socket first. A call that is repeated finds its socket there already.
_ENTER = Script("""
local sockets, socket, limit, ttl = KEYS[1], ARGV[1], tonumber(ARGV[2]), ARGV[3]
redis.call('LREM', sockets, 0, socket)
redis.call('RPUSH', sockets, socket)
local surplus = redis.call('LRANGE', sockets, 0, -limit - 1)
redis.call('LTRIM', sockets, -limit, -1)
redis.call('PEXPIRE', sockets, ttl)
return surplus
""")


class RedisUserSockets:
    """`UserSockets`. A user's list is forgotten `ttl_s` after the last socket came: no socket lives longer than its token."""

    def __init__(self, redis: Redis, *, ttl_s: float = 24 * 3600) -> None:
        self._redis = redis
        self._ttl_ms = round(ttl_s * 1000)

    async def enter(self, user_id: UserId, ref: SocketRef, limit: int) -> list[SocketRef]:
        return _refs(await self._redis.run(_ENTER, [self._key(user_id)], _text(ref), limit, self._ttl_ms))

    async def leave(self, user_id: UserId, ref: SocketRef) -> None:
        await self._redis.call("LREM", self._key(user_id), 0, _text(ref))

    async def list_sockets(self, user_id: UserId) -> list[SocketRef]:
        return _refs(await self._redis.call("LRANGE", self._key(user_id), 0, -1))

    def _key(self, user_id: UserId) -> str:
        return self._redis.key("sockets", user_id)


def _text(ref: SocketRef) -> str:
    return f"{ref.number} {ref.node}"


def _refs(texts: Iterable[bytes]) -> list[SocketRef]:
    parts = (text.decode().split(" ", 1) for text in texts)
    return [SocketRef(NodeId(node), int(number)) for number, node in parts]
