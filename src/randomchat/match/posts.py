"""What match nodes write to each other."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from randomchat.ids import ChannelId, NodeId, TicketId, UserId
from randomchat.infra.mailbox import Mailbox, topic_of

VERSION = 1


class Ask(msgspec.Struct, tag="ask", array_like=True, frozen=True, gc=False):
    """To a partner's node: is this ticket still to be had? `ask_id` names the attempt; `common` the interests in common."""

    ask_id: int
    finder: NodeId
    user_id: UserId
    ticket_id: TicketId
    common: tuple[str, ...]


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


Post = Ask | Answer | Released | Matched


class _Envelope(msgspec.Struct, array_like=True, frozen=True, gc=False):
    version: int
    post: msgspec.Raw


class PostOffice:
    """Writes and reads the posts of one match node; posts of an unknown version or kind are dropped and counted."""

    def __init__(self, mailbox: Mailbox, node: NodeId) -> None:
        self.unknown = 0
        self._mailbox = mailbox
        self._node = node
        self._encoder = msgspec.msgpack.Encoder()
        self._envelopes = msgspec.msgpack.Decoder(_Envelope)
        self._posts: msgspec.msgpack.Decoder[Post] = msgspec.msgpack.Decoder(Post)

    async def open(self, receive: Callable[[Post], None]) -> None:
        def read(letter: bytes) -> None:
            post = self._decode(letter)
            if post is not None:
                receive(post)

        await self._mailbox.subscribe(topic_of("match", self._node), read)

    def send(self, node: NodeId, post: Post) -> None:
        envelope = _Envelope(VERSION, msgspec.Raw(self._encoder.encode(post)))
        self._mailbox.post(topic_of("match", node), self._encoder.encode(envelope))

    def _decode(self, letter: bytes) -> Post | None:
        try:
            envelope = self._envelopes.decode(letter)
            if envelope.version == VERSION:
                return self._posts.decode(envelope.post)
        except msgspec.DecodeError:
            pass
        self.unknown += 1
        return None
