"""Port: what the chat service keeps for good."""

from __future__ import annotations

from typing import Protocol

from randomchat.chat.domain import Channel, Excerpt, Message, Summary
from randomchat.ids import ChannelId, MessageId, TicketId, UserId


class ChatRepository(Protocol):
    """Channels, their messages and watermarks.

    A write that returns is durable, and seen by every later read. Every call raises `Unavailable` where the store is away or
    full, or has not answered within 6 s; a write may then have happened, may happen later, or never. Whatever names a channel
    that is not stored raises `NotFound`, inserting a message excepted.
    """

    async def create_channel(
        self,
        channel_id: ChannelId,
        members: tuple[UserId, UserId],
        tickets: tuple[TicketId, TicketId],
        *,
        not_after_ms: int,
    ) -> ChannelId:
        """Store a channel, found from then on by each of its tickets.

        Where the two tickets have a channel already, that one's id is returned. Raises `Conflict` where one of them has a channel
        with another ticket, or the id is taken; `Unavailable` if it could not be written before `not_after_ms`.
        """
        ...

    async def find_channel_of_ticket(self, ticket_id: TicketId) -> ChannelId | None: ...

    async def get_channel(self, channel_id: ChannelId) -> Channel: ...

    async def get_summary(self, channel_id: ChannelId) -> Summary: ...

    async def read_after(self, channel_id: ChannelId, after: MessageId, limit: int | None = None) -> Excerpt:
        """The channel, and its messages with a larger id than `after`, oldest first, at most `limit`; unmerged."""
        ...

    async def list_messages(self, channel_id: ChannelId, before: MessageId | None, limit: int) -> list[Message]:
        """A page of history, newest first, of messages with a smaller id than `before` (None: from the newest).

        Where one (sender, client_id) is stored more than once, only the row with the smallest id counts, on whichever page.
        """
        ...

    async def insert_message(self, channel_id: ChannelId, message: Message) -> None:
        """Store a message. Its id must be new in the channel, as `MessageIds` makes them.

        A store that notices a taken id raises `Conflict`; one that does not look replaces the message.
        """
        ...

    async def find_message(self, channel_id: ChannelId, sender: UserId, client_id: str) -> Message | None:
        """What a sender's `client_id` was stored as; the smallest id where there are several."""
        ...

    async def has_message(self, channel_id: ChannelId, message_id: MessageId) -> bool: ...

    async def advance_seen(self, channel_id: ChannelId, user_id: UserId, message_id: MessageId) -> None:
        """Move a member's watermark, only ever forwards."""
        ...

    async def mark_joined(self, channel_id: ChannelId, user_id: UserId, now_ms: int) -> None:
        """Note a member's first connection; later ones change nothing."""
        ...

    async def close_channel(self, channel_id: ChannelId, closed_by: UserId, now_ms: int) -> Channel:
        """Close a channel for good; the first to close it stays its `closed_by`. The channel as it then is."""
        ...

    async def revoke_tokens(self, user_id: UserId, now_ms: int) -> None:
        """Move `revoked_before_ms` of a person in all channels to `now_ms`, only ever forwards."""
        ...

    async def shares_channel(self, one: UserId, other: UserId) -> bool:
        """Whether two different people are the members of any stored channel, open or closed."""
        ...

    async def delete_expired(self, before_ms: int, limit: int) -> int:
        """Remove messages made before, channels closed before or made before and left without a message, and tickets.

        At most about `limit` rows in one call; how many were removed, 0 where nothing is left to do. A store whose rows end by
        themselves has nothing to do. It keeps an open channel for as long as its messages are read.
        """
        ...
