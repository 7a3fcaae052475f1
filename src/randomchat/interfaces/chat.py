"""What the chat service offers the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from randomchat.ids import ChannelId, TicketId, UserId


@dataclass(frozen=True, slots=True)
class Seat:
    """One side of a pair: a person, and the ticket with which that person waited."""

    user_id: UserId
    ticket_id: TicketId


@dataclass(frozen=True, slots=True)
class Membership:
    """What one member's place in a channel looks like just now.

    `open`: nobody has closed the channel. `joined`: this member's chat socket has connected at least once.
    """

    channel_id: ChannelId
    user_id: UserId
    open: bool
    joined: bool


@dataclass(frozen=True, slots=True)
class TokenHolder:
    """Whom a channel token lets in, and where."""

    channel_id: ChannelId
    user_id: UserId


class ChatApi(Protocol):
    """Channels and their tokens. Every call raises `Unavailable` where the store does not answer."""

    async def create_channel(self, first: Seat, second: Seat, *, not_after_ms: int) -> ChannelId:
        """Make the channel of a pair, durably.

        Idempotent by the two tickets: the same pair gets the same channel. Raises `Conflict` where one of the tickets has a
        channel with another one, and `Unavailable` where it was not made before `not_after_ms` (Unix milliseconds); it is then
        never made, or can be found by `find_channel_of_ticket`.
        """
        ...

    async def find_channel_of_ticket(self, ticket_id: TicketId) -> ChannelId | None:
        """The channel that was made for a ticket, or None."""
        ...

    async def find_membership(self, channel_id: ChannelId, user_id: UserId) -> Membership | None:
        """A person's place in a channel; None where the channel is gone, or never had this person."""
        ...

    async def issue_token(self, channel_id: ChannelId, user_id: UserId) -> str:
        """A fresh channel token for a member. Raises `NotFound` for anyone else, and where the channel is closed or gone."""
        ...

    async def verify_token(self, token: str) -> TokenHolder:
        """Whose a channel token is. Raises `Unauthorized` where it is bad, expired or revoked, or the channel closed or gone."""
        ...

    async def shares_channel(self, one: UserId, other: UserId) -> bool:
        """Whether two people share, or shared, a channel that is still stored."""
        ...

    async def sign_out(self, user_id: UserId) -> None:
        """Revoke all channel tokens that a person holds, durably, and close the person's sockets with 4501."""
        ...
