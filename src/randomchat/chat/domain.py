"""Channels, members and messages."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from randomchat.ids import ChannelId, MessageId, UserId, time_ms_of


class Event:
    """The events of a frame. Only text and file are stored."""

    TEXT, ACTION, SEEN, FILE, SYNC, ERROR, BEAT = range(7)


class Message(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A stored message. (`sender`, `client_id`) names what the client sent; it may be stored more than once, see `Merge`."""

    id: MessageId
    sender: UserId
    event: int
    payload: str
    client_id: str | None = None

    @property
    def time_ms(self) -> int:
        return time_ms_of(self.id)


@dataclass(frozen=True, slots=True)
class Member:
    """One of the two people of a channel.

    `seen_id`: all messages of the peer up to this id are seen (0: none). `joined_at_ms`: first connection of a chat socket.
    `revoked_before_ms`: tokens issued before are void.
    """

    user_id: UserId
    seen_id: MessageId = MessageId(0)  # noqa: RUF009 - a plain number
    joined_at_ms: int | None = None
    revoked_before_ms: int = 0


@dataclass(frozen=True, slots=True)
class Channel:
    """A conversation of two. The order of `members` never changes: it is the side bit of message ids."""

    id: ChannelId
    members: tuple[Member, Member]
    closed_at_ms: int | None = None
    closed_by: UserId | None = None

    def side_of(self, user_id: UserId) -> int | None:
        """0 or 1, or None for a person who is not a member."""
        for side, member in enumerate(self.members):
            if member.user_id == user_id:
                return side
        return None


@dataclass(frozen=True, slots=True)
class Summary:
    """A channel with the id of its newest message (0: none) and the number of its messages."""

    channel: Channel
    newest_id: MessageId
    count: int


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A channel's state, and a run of its messages, oldest first."""

    channel: Channel
    messages: list[Message]
