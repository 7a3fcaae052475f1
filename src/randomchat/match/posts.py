"""What match nodes write to each other."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from randomchat.clock import Clock
from randomchat.ids import ChannelId, NodeId, TicketId, UserId
from randomchat.infra.mailbox import Mailbox, topic_of

VERSION = 1


class Beat(msgspec.Struct, tag="beat", array_like=True, frozen=True, gc=False):
    """To all nodes, the sender included, so that they can compare their clocks."""


class Ask(msgspec.Struct, tag="ask", array_like=True, frozen=True, gc=False):
    """To a partner's node: is this ticket still to be had?

    `ask_id` names the attempt, `finder` the node that makes it, for a person and a ticket of its own; `common` the interests in
    common.
    """

    ask_id: int
    finder: NodeId
    user_id: UserId
    ticket_id: TicketId
    common: tuple[str, ...]
    finder_user_id: UserId
    finder_ticket_id: TicketId


class Answer(msgspec.Struct, tag="answer", array_like=True, frozen=True, gc=False):
    """To a finder's node. After a yes the ticket counts as taken by that attempt."""

    ask_id: int
    yes: bool


class Released(msgspec.Struct, tag="released", array_like=True, frozen=True, gc=False):
    """To a partner's node: no channel was made, nor will be, for that attempt."""

    ask_id: int
    user_id: UserId


class Matched(msgspec.Struct, tag="matched", array_like=True, frozen=True, gc=False):
    """To a partner's node: the channel is made."""

    user_id: UserId
    ticket_id: TicketId
    channel_id: ChannelId
    common: tuple[str, ...]


Post = Beat | Ask | Answer | Released | Matched


class Letter(msgspec.Struct, frozen=True, gc=False):
    """A post that has come. `sent_ms`: the sender's wall clock."""

    sender: NodeId
    sent_ms: int
    post: Post


class _Envelope(msgspec.Struct, array_like=True, frozen=True, gc=False):
    version: int
    sender: NodeId
    sent_ms: int
    post: msgspec.Raw


class PostOffice:
    """Writes and reads the posts of one match node; posts of an unknown version or kind are dropped and counted."""

    def __init__(self, mailbox: Mailbox, node: NodeId, clock: Clock) -> None:
        self.unknown = 0
        self._mailbox = mailbox
        self._node = node
        self._clock = clock
        self._encoder = msgspec.msgpack.Encoder()
        self._envelopes = msgspec.msgpack.Decoder(_Envelope)
        self._posts: msgspec.msgpack.Decoder[Post] = msgspec.msgpack.Decoder(Post)

    async def open(self, receive: Callable[[Letter], None]) -> None:
        def read(data: bytes) -> None:
            letter = self._decode(data)
            if letter is not None:
                receive(letter)

        await self._mailbox.subscribe(topic_of("match", self._node), read)

    def send(self, node: NodeId, post: Post) -> None:
        envelope = _Envelope(VERSION, self._node, self._clock.wall_ms(), msgspec.Raw(self._encoder.encode(post)))
        self._mailbox.post(topic_of("match", node), self._encoder.encode(envelope))

    def _decode(self, data: bytes) -> Letter | None:
        try:
            envelope = self._envelopes.decode(data)
            if envelope.version == VERSION:
                return Letter(envelope.sender, envelope.sent_ms, self._posts.decode(envelope.post))
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            pass
        self.unknown += 1
        return None
