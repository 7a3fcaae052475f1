"""Node leases in memory, shared by the nodes of one process."""

from __future__ import annotations

from randomchat.clock import Clock
from randomchat.ids import NodeId
from randomchat.infra.node import LEASE_S


class MemoryNodeLeases:
    """`NodeLeases` for nodes that share a process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ends_at: dict[NodeId, float] = {}

    async def renew(self, node: NodeId) -> bool:
        known = node in await self.list_alive()
        self._ends_at[node] = self._clock.boot_s() + LEASE_S
        return known

    async def release(self, node: NodeId) -> None:
        self._ends_at.pop(node, None)

    async def list_alive(self) -> frozenset[NodeId]:
        now = self._clock.boot_s()
        self._ends_at = {node: end for node, end in self._ends_at.items() if end > now}
        return frozenset(self._ends_at)

    def empty(self) -> None:
        """Forget everything, as a store without persistence does when it restarts."""
        self._ends_at.clear()
