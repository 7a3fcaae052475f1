"""Port: which nodes live. Every node renews a lease; one whose lease has lapsed counts as dead."""

from __future__ import annotations

import secrets
from typing import Protocol

from randomchat.ids import NodeId

LEASE_S = 5.0


def new_node_id(name: str) -> NodeId:
    """`<name>-<random>`: new at each start, so that nothing of an earlier process is taken for this one's."""
    return NodeId(f"{name}-{secrets.token_hex(6)}")


class NodeLeases(Protocol):
    """The leases of all nodes of one service. Ephemeral: all of them may vanish at any moment, and are then renewed.

    Every call raises `Unavailable` where the store does not answer.
    """

    async def renew(self, node: NodeId) -> bool:
        """Let the lease of a node end `LEASE_S` from now.

        False where it had none, being new, lapsed or lost; and where what else the node keeps in the same store may be lost.
        """
        ...

    async def release(self, node: NodeId) -> None:
        """End the lease of a node at once."""
        ...

    async def list_alive(self) -> frozenset[NodeId]:
        """The nodes whose lease has not lapsed."""
        ...
