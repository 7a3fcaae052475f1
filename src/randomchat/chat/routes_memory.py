"""Routes in memory, shared by the nodes of one process."""

from __future__ import annotations

from collections.abc import Mapping

from randomchat.chat.routes import ROUTE_TTL_S
from randomchat.clock import Clock
from randomchat.ids import ChannelId, NodeId, UserId


class MemoryRoutes:
    """`Routes` for nodes that share a process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._routes: dict[ChannelId, dict[NodeId, tuple[frozenset[UserId], float]]] = {}

    async def put(self, channel_id: ChannelId, node: NodeId, users: frozenset[UserId]) -> None:
        nodes = self._routes.setdefault(channel_id, {})
        nodes.pop(node, None)
        if users:
            nodes[node] = (users, self._clock.boot_s() + ROUTE_TTL_S)
        if not nodes:
            del self._routes[channel_id]

    async def get(self, channel_id: ChannelId) -> Mapping[NodeId, frozenset[UserId]]:
        now = self._clock.boot_s()
        nodes = self._routes.get(channel_id, {})
        return {node: users for node, (users, ends_at) in nodes.items() if ends_at > now}

    def empty(self) -> None:
        """Forget everything, as a store without persistence does when it restarts."""
        self._routes.clear()
