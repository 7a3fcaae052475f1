"""Users' sockets in memory, shared by the nodes of one process."""

from __future__ import annotations

from randomchat.chat.user_sockets import SocketRef
from randomchat.ids import UserId


class MemoryUserSockets:
    """`UserSockets` for nodes that share a process."""

    def __init__(self) -> None:
        self._refs: dict[UserId, list[SocketRef]] = {}

    async def enter(self, user_id: UserId, ref: SocketRef, limit: int) -> list[SocketRef]:
        refs = self._refs.setdefault(user_id, [])
        refs.append(ref)
        evicted, refs[:] = refs[:-limit], refs[-limit:]
        return evicted

    async def leave(self, user_id: UserId, ref: SocketRef) -> None:
        refs = self._refs.get(user_id, [])
        if ref in refs:
            refs.remove(ref)
        if not refs:
            self._refs.pop(user_id, None)

    async def list_sockets(self, user_id: UserId) -> list[SocketRef]:
        return list(self._refs.get(user_id, []))

    def empty(self) -> None:
        """Forget everything, as a store without persistence does when it restarts."""
        self._refs.clear()
