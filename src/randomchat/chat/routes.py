"""Port: which nodes have sockets of a channel, and whose."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from randomchat.ids import ChannelId, NodeId, UserId

ROUTE_TTL_S = 150.0
"""Longer than two sweeps, each of which puts the route again."""


class Routes(Protocol):
    """Where the sockets of a channel are. Ephemeral: all of it may vanish at any moment; nodes put their routes again.

    Every call raises `Unavailable` where the store does not answer.
    """

    async def put(self, channel_id: ChannelId, node: NodeId, users: frozenset[UserId]) -> None:
        """Say which members have a live socket on a node, for `ROUTE_TTL_S`; nobody: the route is removed."""
        ...

    async def get(self, channel_id: ChannelId) -> Mapping[NodeId, frozenset[UserId]]:
        """The nodes with sockets of a channel, and whose. May name nodes that are dead."""
        ...
