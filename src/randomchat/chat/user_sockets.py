"""Port: the chat sockets of each user, over all nodes, to bound their number and to find them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from randomchat.ids import NodeId, UserId


@dataclass(frozen=True, slots=True)
class SocketRef:
    """A socket, and the node that holds it. `number` is the node's own and never used again."""

    node: NodeId
    number: int


class UserSockets(Protocol):
    """Who has which sockets. Ephemeral: all of it may vanish at any moment; then more sockets are let in, never fewer.

    Every call raises `Unavailable` where the store does not answer.
    """

    async def enter(self, user_id: UserId, ref: SocketRef, limit: int) -> list[SocketRef]:
        """Add a socket, and take out the oldest ones over `limit`, which are returned: they are to be closed."""
        ...

    async def leave(self, user_id: UserId, ref: SocketRef) -> None:
        """Remove a socket; nothing happens where it is not there."""
        ...

    async def list_sockets(self, user_id: UserId) -> list[SocketRef]:
        """A user's sockets, oldest first. May name sockets that are gone."""
        ...
