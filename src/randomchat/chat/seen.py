"""Watermarks: up to where a member has seen the other's messages."""

from __future__ import annotations

import asyncio

import structlog

from randomchat.chat import frames
from randomchat.chat.frames import ClientFrame
from randomchat.chat.hub import LiveChannel
from randomchat.chat.posts import Outbox, Seen
from randomchat.chat.repository import ChatRepository
from randomchat.chat.socket import ChatSocket
from randomchat.clock import Clock
from randomchat.errors import RandomchatError, Unavailable
from randomchat.ids import ChannelId, MessageId, NodeId, UserId, parse_id, side_of

log = structlog.get_logger()
WRITE_EVERY_S = 0.3


class SeenMarks:
    """Relays what a member has seen, and writes the newest of it, a few times a second at most."""

    def __init__(self, repository: ChatRepository, outbox: Outbox, clock: Clock) -> None:
        self._repository = repository
        self._outbox = outbox
        self._clock = clock
        self._due: dict[tuple[ChannelId, UserId], MessageId] = {}
        """What is not written yet; an entry stays until its write has returned."""
        self._writer: asyncio.Task[None] | None = None

    # ---------------------------------------------------------------- from a socket
    async def take(self, socket: ChatSocket, frame: ClientFrame) -> None:
        """A client says up to which message its member has seen. Old clients say so of each message, newest first."""
        live, side = socket.channel, socket.side
        message_id = MessageId(parse_id(frame.payload) or 0)
        try:
            await self._check(socket, message_id)
        except RandomchatError as refusal:
            socket.send(frames.error(socket.user_id, frame.name, refusal, self._clock.wall_ms()))
            return
        if message_id < live.seen[side] and live.seen_from[side] != socket.number:
            return  # the member's other tab is further, or this is a dead line's last word, which came late
        self._relay(live, side, message_id)
        self._outbox.post_all(live.peers.keys(), Seen(live.id, socket.user_id, message_id))
        if message_id > live.seen[side]:
            self._write_later((live.id, socket.user_id), message_id)
        if message_id >= live.seen[side]:
            live.seen[side], live.seen_from[side] = message_id, socket.number

    async def _check(self, socket: ChatSocket, message_id: MessageId) -> None:
        """Raise `unknown_message` unless this is a message of the other member."""
        if not message_id or side_of(message_id) == socket.side:
            raise RandomchatError(code="unknown_message")
        if not socket.once.has(message_id) and not await self._repository.has_message(socket.channel.id, message_id):
            raise RandomchatError(code="unknown_message")

    # ---------------------------------------------------------------- from elsewhere
    def on_seen(self, live: LiveChannel, node: NodeId, post: Seen) -> None:
        """Another node says so. An older mark than that node's own last one is meant so; any other one is late."""
        side = live.side_of(post.reader)
        if post.message_id < live.seen[side] and live.seen_from[side] != node:
            return
        self._relay(live, side, post.message_id)
        if post.message_id > live.seen[side]:
            live.seen[side], live.seen_from[side] = post.message_id, node

    def learn(self, live: LiveChannel, side: int, message_id: MessageId) -> None:
        """The store says so; told only if it is news."""
        if message_id > live.seen[side]:
            live.seen[side], live.seen_from[side] = message_id, None
            self._relay(live, side, message_id)

    def _relay(self, live: LiveChannel, side: int, message_id: MessageId) -> None:
        live.tell(frames.seen(live.users[1 - side], message_id, self._clock.wall_ms()))

    # ---------------------------------------------------------------- to the store
    def _write_later(self, whose: tuple[ChannelId, UserId], message_id: MessageId) -> None:
        self._due[whose] = max(message_id, self._due.get(whose, message_id))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write_all())

    async def _write_all(self) -> None:
        while self._due:
            await self._write_due()
            await asyncio.sleep(WRITE_EVERY_S)

    async def _write_due(self) -> None:
        """All at once: the store commits them together."""
        await asyncio.gather(*(self._write(whose, message_id) for whose, message_id in self._due.items()))

    async def _write(self, whose: tuple[ChannelId, UserId], message_id: MessageId) -> None:
        try:
            await self._repository.advance_seen(*whose, message_id)
        except Unavailable:
            return
        except RandomchatError as error:
            log.debug("watermark dropped", reason=error.code)
        if self._due.get(whose) == message_id:
            del self._due[whose]

    async def flush(self) -> None:
        """Write what is due now; for the end of the process."""
        if self._writer is not None:
            self._writer.cancel()
        await self._write_due()
        self._due.clear()
