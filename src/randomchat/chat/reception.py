"""The life of a socket on this node: let in, brought up to date, listened to, and seen off."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Protocol

from randomchat.chat.connection import Connection
from randomchat.chat.domain import Channel
from randomchat.chat.handler import Conduct, FrameHandler
from randomchat.chat.hub import Hub, LiveChannel
from randomchat.chat.joining import Joining
from randomchat.chat.metrics import ChatMetrics
from randomchat.chat.posts import CloseSockets, Outbox
from randomchat.chat.presence import GOODBYE, Presence
from randomchat.chat.socket import ChatSocket
from randomchat.chat.tokens import Claims
from randomchat.chat.user_sockets import SocketRef, UserSockets
from randomchat.clock import Clock
from randomchat.config import Settings
from randomchat.errors import Close, Overloaded, Unavailable
from randomchat.ids import MessageId
from randomchat.infra.tasks import Tasks

DRAIN_WORK_S, DRAIN_FLUSH_S, DRAIN_GOODBYE_S = 2.0, 4.0, 0.5
FOR_GOOD = frozenset({Close.CHANNEL, Close.REVOKED, Close.MISBEHAVING, Close.SURPLUS})
"""Closed so by the server, a client does not come back: for the other member that is like a goodbye."""
NO_LIMIT = 1_000_000


class Incoming(Protocol):
    """What a client sends, until its socket ends; `close_code` then tells how it did (1006: without a word)."""

    close_code: int | None

    def __aiter__(self) -> AsyncIterator[str | bytes]: ...


@dataclass(frozen=True, slots=True)
class Entrance:
    """With what a socket comes in. `after`: see `Joining.join`."""

    claims: Claims
    channel: Channel
    after: MessageId | None


class Reception:
    """Serves the sockets of a node."""

    def __init__(
        self,
        hub: Hub,
        joining: Joining,
        handler: FrameHandler,
        presence: Presence,
        user_sockets: UserSockets,
        outbox: Outbox,
        clock: Clock,
        settings: Settings,
        metrics: ChatMetrics,
    ) -> None:
        self._hub = hub
        self._joining = joining
        self._handler = handler
        self._presence = presence
        self._user_sockets = user_sockets
        self._outbox = outbox
        self._clock = clock
        self._settings = settings
        self._metrics = metrics
        self._goodbyes = Tasks()
        self._draining = False

    def admit(self) -> None:
        """Raise `Overloaded` where no socket is taken any more."""
        if self._draining:
            raise Overloaded("This server is going away; try again.", retry_after_s=1)

    async def serve(self, entrance: Entrance, connection: Connection, incoming: Incoming) -> None:
        """Run a socket from its join to its end."""
        socket = self._enter(entrance, connection)
        lifetime_s = entrance.claims.expires_at_s - self._clock.wall_ms() / 1000
        expiry = asyncio.get_running_loop().call_later(lifetime_s, socket.close, Close.REVOKED, "the token has expired")
        try:
            await self._evict_surplus(socket)
            await self._joining.join(socket, entrance.after)
            conduct: Conduct | None = None
            async for text in incoming:
                if socket.open and not self._draining:
                    conduct = conduct or Conduct(self._settings, self._clock)
                    socket.busy = True
                    await self._handler.handle(socket, conduct, text)
                    socket.busy = False
        finally:
            socket.busy = False
            expiry.cancel()
            self._leave(socket, clean=incoming.close_code in GOODBYE)

    async def drain(self) -> None:
        """Take no more sockets, finish the frames under way, close all with 1012, and wait until that is out: 6.5 s at most."""
        self._draining = True
        await self._wait_until(lambda: not any(socket.busy for socket in self._hub.sockets.values()), DRAIN_WORK_S)
        sockets = list(self._hub.sockets.values())
        self._hub.close_all(Close.GOING_AWAY, "the server is going away")
        await self._wait_until(lambda: not any(socket.queued_bytes for socket in sockets), DRAIN_FLUSH_S)
        await self._goodbyes.close(DRAIN_GOODBYE_S)

    async def _wait_until(self, done: Callable[[], bool], most_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(most_s):
                while not done():  # noqa: ASYNC110 - many sockets, none of which would set an event
                    await asyncio.sleep(0.02)

    # ---------------------------------------------------------------- in
    def _enter(self, entrance: Entrance, connection: Connection) -> ChatSocket:
        live = self._hub.channels.get(entrance.channel.id)
        if live is None:
            live = LiveChannel(entrance.channel, self._clock.wall_ms(), self._clock.boot_s())
        self._metrics.sockets.inc()
        return self._hub.add(
            live,
            entrance.claims.user_id,
            connection,
            issued_at_s=entrance.claims.issued_at_s,
            max_bytes=self._settings.chat.outbound_max_bytes,
            on_closed=self._on_closed,
        )

    async def _evict_surplus(self, socket: ChatSocket) -> None:
        limits = self._settings.limits
        limit = limits.sockets_per_user if limits.enabled else NO_LIMIT
        with contextlib.suppress(Unavailable):
            for surplus in await self._user_sockets.enter(socket.user_id, SocketRef(self._outbox.node, socket.number), limit):
                if surplus.node == self._outbox.node:
                    self._hub.close_sockets([surplus.number], Close.SURPLUS, "too many sockets")
                else:
                    self._outbox.post(surplus.node, CloseSockets([surplus.number], Close.SURPLUS, "too many sockets"))

    # ---------------------------------------------------------------- out
    def _on_closed(self, socket: ChatSocket) -> None:
        self._metrics.closed.labels(str(socket.close_code)).inc()
        self._leave(socket, clean=socket.close_code in FOR_GOOD)

    def _leave(self, socket: ChatSocket, *, clean: bool) -> None:
        if self._hub.remove(socket):
            self._metrics.sockets.dec()
            self._goodbyes.spawn(self._say_goodbye(socket, clean=clean))

    async def _say_goodbye(self, socket: ChatSocket, *, clean: bool) -> None:
        await self._presence.leave(socket, clean=clean)
        with contextlib.suppress(Unavailable):
            await self._user_sockets.leave(socket.user_id, SocketRef(self._outbox.node, socket.number))
