"""How a new socket catches up: routes, replay, the state of things, and only then live frames."""

from __future__ import annotations

import asyncio

from randomchat.chat import frames
from randomchat.chat.closing import Closing
from randomchat.chat.domain import Excerpt, Message, Summary
from randomchat.chat.presence import Presence
from randomchat.chat.repository import ChatRepository
from randomchat.chat.seen import SeenMarks
from randomchat.chat.socket import ChatSocket
from randomchat.chat.sweep import Sweep
from randomchat.clock import Clock
from randomchat.errors import Close, NotFound, Unavailable
from randomchat.ids import MessageId, first_id_at, time_ms_of

OVERLAP_MS = 180_000
"""How far a replay reaches back behind the client's cursor: longer than a hole can live that no sweep has filled."""
REPLAY_LIMIT = 1000
"""Of messages newer than the cursor; those of the overlap come on top. A client that missed more reads history instead."""
CHUNK_BYTES = 256 * 1024
STALL_S = 5.0


class Joining:
    """Brings sockets up to date. Whatever is delivered meanwhile is held by the socket."""

    def __init__(
        self,
        repository: ChatRepository,
        presence: Presence,
        seen: SeenMarks,
        sweep: Sweep,
        closing: Closing,
        clock: Clock,
    ) -> None:
        self._repository = repository
        self._presence = presence
        self._seen = seen
        self._sweep = sweep
        self._closing = closing
        self._clock = clock

    async def join(self, socket: ChatSocket, after: MessageId | None) -> None:
        """Let a socket that was added to its channel catch up.

        `after`: replay what is newer, 0 for everything; None for an old client, which reads history and is sent no replay. Where
        the store does not answer, the socket is closed with 4012.
        """
        live, came_ms = socket.channel, self._clock.wall_ms()
        self._sweep.watch_channel(live)
        await self._presence.join(socket)
        try:
            summary, excerpt = await self._read(socket, after)
        except NotFound:
            self._closing.end(live, closed_by=None)
        except Unavailable:
            socket.close(Close.TROUBLE, "the store does not answer")
        else:
            self._learn(socket, summary, excerpt)
            recovered = after is not None and sum(message.id > after for message in excerpt.messages) <= REPLAY_LIMIT
            if not recovered:
                self._skip_history(socket, excerpt, came_ms)
            if socket.open and (after is None or await self._catch_up(socket, after, excerpt, recovered=recovered)):
                self._presence.greet(socket, resumed=after is not None)
                socket.release(resumed=after is not None)

    async def _read(self, socket: ChatSocket, after: MessageId | None) -> tuple[Summary, Excerpt]:
        live = socket.channel
        summary = await self._repository.get_summary(live.id)
        if summary.channel.members[socket.side].joined_at_ms is None:
            await self._repository.mark_joined(live.id, socket.user_id, self._clock.wall_ms())
        return summary, await self._repository.read_after(live.id, self._replay_start(after))

    def _replay_start(self, after: MessageId | None) -> MessageId:
        if after == 0:
            return MessageId(0)
        now_ms = self._clock.wall_ms()
        newest_ms = now_ms if after is None else min(time_ms_of(after), now_ms)
        return MessageId(first_id_at(newest_ms - OVERLAP_MS))

    def _learn(self, socket: ChatSocket, summary: Summary, excerpt: Excerpt) -> None:
        live = socket.channel
        live.count = max(live.count, summary.count)
        live.learn(max([summary.newest_id, *(message.id for message in excerpt.messages)]))
        for side, member in enumerate(excerpt.channel.members):
            self._seen.learn(live, side, member.seen_id)
        self._closing.check(live, excerpt.channel)

    def _skip_history(self, socket: ChatSocket, excerpt: Excerpt, came_ms: int) -> None:
        """Let no sweep bring what is in the history that the client reads.

        What is said from now on is sent, also if the client reads the history after it: it may have done so before.
        """
        pending = socket.channel.pending
        for message in excerpt.messages:
            if message.time_ms < came_ms and message.id not in pending and not socket.holds(message.id):
                socket.once.add(message)

    async def _catch_up(self, socket: ChatSocket, after: MessageId, excerpt: Excerpt, *, recovered: bool) -> bool:
        """Replay, unless there is too much of it; False where the socket ended meanwhile."""
        if recovered:
            socket.expected = frozenset(message.id for message in excerpt.messages) - socket.channel.pending
        if recovered and not await self._replay(socket, excerpt):
            return False
        last = max([after, *(message.id for message in excerpt.messages)])
        now_ms = self._clock.wall_ms()
        socket.send(frames.sync(socket.user_id, now_ms, recovered=recovered, last=last))
        for side, seen_id in enumerate(socket.channel.seen):
            if seen_id:
                socket.send(frames.seen(socket.channel.users[1 - side], seen_id, now_ms))
        return socket.open

    async def _replay(self, socket: ChatSocket, excerpt: Excerpt) -> bool:
        for message in excerpt.messages:
            self._send(socket, excerpt, message)
            if socket.queued_bytes > CHUNK_BYTES:
                try:
                    async with asyncio.timeout(STALL_S):
                        await socket.drained()
                except TimeoutError:
                    socket.close(Close.SLOW, "too slow to read")
            if not socket.open:
                return False
        return True

    def _send(self, socket: ChatSocket, excerpt: Excerpt, message: Message) -> None:
        if message.id not in socket.channel.pending and socket.once.add(message):
            socket.send(frames.encode(frames.stored_in(excerpt.channel, message)))
