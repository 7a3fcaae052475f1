"""Port: who was matched of late, for those who lost the socket before they heard of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from randomchat.ids import ChannelId, TicketId, UserId


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a ticket. `common_interests` in their folded form, sorted."""

    ticket_id: TicketId
    channel_id: ChannelId
    common_interests: tuple[str, ...] = ()


class ResultStore(Protocol):
    """The newest result of each person; never a token. Ephemeral: all of it may vanish at any moment.

    Every call raises `Unavailable` where the store does not answer.
    """

    async def put(self, user_id: UserId, result: Result) -> None:
        """Keep a result for `match.result_ttl_s`, in place of an older one."""
        ...

    async def find(self, user_id: UserId) -> Result | None: ...

    async def drop(self, user_id: UserId, result: Result) -> None:
        """Forget a result, unless a newer one has taken its place."""
        ...
