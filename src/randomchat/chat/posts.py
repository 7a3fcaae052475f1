"""What chat nodes tell each other, and how it is written. Nothing depends on any of it arriving."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec

from randomchat.chat.domain import Message
from randomchat.clock import Clock
from randomchat.ids import ChannelId, MessageId, NodeId, UserId
from randomchat.infra.mailbox import Mailbox, topic_of

VERSION = 1
SEQ_SHIFT = 12
"""A `seq` is the Unix milliseconds and this many bits of counter."""


class Beat(msgspec.Struct, array_like=True, frozen=True, tag="beat"):
    """I live; to all nodes, the sender included."""


class Stored(msgspec.Struct, array_like=True, frozen=True, tag="stored"):
    """A message was stored."""

    channel: ChannelId
    message: Message


class Seen(msgspec.Struct, array_like=True, frozen=True, tag="seen"):
    """A member has seen the other's messages up to one."""

    channel: ChannelId
    reader: UserId
    message_id: MessageId


class Present(msgspec.Struct, array_like=True, frozen=True, tag="present"):
    """Which members have a live socket on the sender.

    `seq`: grows with each such news of the sender. `clean`: whoever is missing said goodbye. `reply`: tell the sender yours.
    """

    channel: ChannelId
    seq: int
    users: list[UserId]
    clean: bool = False
    reply: bool = False


class Typing(msgspec.Struct, array_like=True, frozen=True, tag="typing"):
    """A member types, or has stopped."""

    channel: ChannelId
    seq: int
    user: UserId
    on: bool


class Closed(msgspec.Struct, array_like=True, frozen=True, tag="closed"):
    """A channel was closed, durably."""

    channel: ChannelId
    closed_by: UserId


class CloseSockets(msgspec.Struct, array_like=True, frozen=True, tag="close_sockets"):
    """Close some of the receiver's sockets."""

    numbers: list[int]
    code: int
    reason: str


Post = Beat | Stored | Seen | Present | Typing | Closed | CloseSockets


class Envelope(msgspec.Struct, array_like=True):
    """A post on its way. `sent_ms`: the sender's wall clock. The post is read apart, so that unknown kinds can be told."""

    version: int
    node: NodeId
    sent_ms: int
    post: msgspec.Raw


class UnknownPost(Exception):
    """A post of a kind or version that this program does not know; its sender may be newer."""


_encode: Any = msgspec.msgpack.Encoder().encode
_decode_envelope = msgspec.msgpack.Decoder(Envelope).decode
_decode_post: msgspec.msgpack.Decoder[Post] = msgspec.msgpack.Decoder(Post)


def open_envelope(data: bytes) -> tuple[Envelope, Post]:
    """Read what was posted. Raises `UnknownPost`."""
    try:
        envelope = _decode_envelope(data)
        if envelope.version != VERSION:
            raise UnknownPost(f"version {envelope.version}")
        return envelope, _decode_post.decode(envelope.post)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise UnknownPost(str(error)) from None


class Outbox:
    """Sends this node's posts."""

    def __init__(self, node: NodeId, mailbox: Mailbox, clock: Clock) -> None:
        self.node = node
        self._mailbox = mailbox
        self._clock = clock
        self._seq = 0

    def next_seq(self) -> int:
        """A number that grows with each call; with the time in it, so that it says how old the news is."""
        self._seq = max(self._clock.wall_ms() << SEQ_SHIFT, self._seq + 1)
        return self._seq

    def post(self, target: NodeId, post: Post) -> None:
        """Send to one node; returns at once, and may be in vain."""
        envelope = Envelope(VERSION, self.node, self._clock.wall_ms(), msgspec.Raw(_encode(post)))
        self._mailbox.post(topic_of("chat", target), _encode(envelope))

    def post_all(self, targets: Collection[NodeId], post: Post) -> None:
        """Send to several nodes."""
        if targets:
            for target in tuple(targets):
                self.post(target, post)
