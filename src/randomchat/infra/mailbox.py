"""Port: short messages from one node to another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from randomchat.ids import NodeId


def topic_of(service: str, node: NodeId) -> str:
    """The topic that a node of a service reads, e.g. `randomchat.chat.main-3f9c`."""
    return f"randomchat.{service}.{node}"


class Mailbox(Protocol):
    """Carries posts between nodes, quickly and with no promise.

    A post may be lost, late, repeated, or overtaken by a later one. Whoever posts must have another way to the truth.
    """

    async def subscribe(self, topic: str, receive: Callable[[bytes], None]) -> None:
        """Make the topic and call `receive`, in the event loop, with each post to it. `receive` must not raise.

        Where what carries the posts is away, this returns after some seconds; they come once it is back.
        """
        ...

    def post(self, topic: str, data: bytes) -> None:
        """Send to a topic. Returns at once, never raises; a post that can't be sent is counted as lost."""
        ...

    async def close(self) -> None:
        """Stop receiving, and give up the topics of this mailbox. Takes some seconds at most, whatever is away."""
        ...
