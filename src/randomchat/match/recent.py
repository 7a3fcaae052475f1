"""Port: whom a person has met of late, and should not meet again so soon."""

from __future__ import annotations

from typing import Protocol

from randomchat.ids import UserId


class RecentPartners(Protocol):
    """The last `match.recent_partners` partners of each person, for `match.recent_partners_hours`.

    Ephemeral: what is forgotten only lets people meet again. Every call raises `Unavailable` where the store does not answer.
    """

    async def add(self, one: UserId, other: UserId) -> None:
        """Note that two people have met, for both."""
        ...

    async def list_recent(self, user_id: UserId) -> frozenset[UserId]: ...
