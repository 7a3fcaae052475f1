"""Puts a chat node together."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass

from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from starlette.types import Receive, Scope, Send

from randomchat.chat.access import Access
from randomchat.chat.attachments import Attachments
from randomchat.chat.closing import Closing
from randomchat.chat.delivery import Delivery
from randomchat.chat.handler import FrameHandler
from randomchat.chat.hub import Hub
from randomchat.chat.joining import Joining
from randomchat.chat.metrics import ChatMetrics
from randomchat.chat.node import ChatNode
from randomchat.chat.pace import HistoryPace
from randomchat.chat.posts import Outbox
from randomchat.chat.presence import Presence
from randomchat.chat.reception import Reception
from randomchat.chat.repository import ChatRepository
from randomchat.chat.rest import create_rest
from randomchat.chat.routes import Routes
from randomchat.chat.seen import SeenMarks
from randomchat.chat.service import ChatService
from randomchat.chat.sweep import Sweep
from randomchat.chat.tokens import ChannelTokens
from randomchat.chat.typing_signs import TypingSigns
from randomchat.chat.user_sockets import UserSockets
from randomchat.chat.websocket import ChatEndpoint
from randomchat.clock import Clock
from randomchat.config import Settings
from randomchat.errors import Close
from randomchat.ids import NodeId
from randomchat.infra.clock_watch import ClockWatch
from randomchat.infra.mailbox import Mailbox
from randomchat.infra.node import NodeLeases
from randomchat.infra.object_store import ObjectStore


@dataclass(frozen=True, slots=True)
class ChatPorts:
    """What a chat node stands on. Nodes that share routes, leases and users' sockets are one service."""

    repository: ChatRepository
    routes: Routes
    leases: NodeLeases
    mailbox: Mailbox
    user_sockets: UserSockets
    objects: ObjectStore
    clock: Clock


class ChatApp:
    """A chat node as an ASGI application: the socket and the REST routes below `/api/chat`.

    `service` implements `interfaces.chat.ChatApi` for the services of the same process.
    """

    def __init__(
        self,
        node_id: NodeId,
        ports: ChatPorts,
        token_keys: Sequence[bytes],
        settings: Settings,
        registry: CollectorRegistry,
    ) -> None:
        """`token_keys`: see `ChannelTokens`."""
        clock, chat = ports.clock, settings.chat
        metrics = ChatMetrics(registry)
        hub = Hub()
        watch = ClockWatch(clock, lambda reason: hub.close_all(Close.TROUBLE, reason))
        outbox = Outbox(node_id, ports.mailbox, clock)
        closing = Closing(clock)
        typing = TypingSigns(outbox, clock, chat.presence.typing_s)
        presence = Presence(ports.routes, ports.leases, outbox, typing, clock, chat.presence)
        seen = SeenMarks(ports.repository, outbox, clock)
        sweep = Sweep(hub, ports.repository, presence, seen, closing, clock, watch, chat.sweep, metrics)
        attachments = Attachments(ports.objects, settings.uploader.max_bytes)
        delivery = Delivery(ports.repository, attachments, outbox, clock, watch, sweep, chat, metrics)
        joining = Joining(ports.repository, presence, seen, sweep, closing, clock)
        handler = FrameHandler(delivery, seen, typing, watch, clock)
        tokens = ChannelTokens(token_keys, chat.token.ttl_hours * 3600, clock)
        access = Access(tokens, ports.repository)

        self.service = ChatService(ports.repository, tokens, access, hub, presence, closing, ports.user_sockets, outbox, clock)
        self.node = ChatNode(
            hub, delivery, presence, typing, seen, sweep, closing, outbox, ports.mailbox, ports.leases, watch, clock, metrics
        )
        self.reception = Reception(hub, joining, handler, presence, ports.user_sockets, outbox, clock, settings, metrics)
        pace = HistoryPace(chat.history, clock) if settings.limits.enabled else None
        self._seen = seen
        self._endpoint = ChatEndpoint(access, self.reception, self.node.clock_trouble)
        self.rest: FastAPI = create_rest(self.service, access, pace, chat)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        app = self._endpoint if scope["type"] == "websocket" else self.rest
        return app(scope, receive, send)  # not awaited here: each frame of a coroutine costs an idle socket its memory

    async def start(self) -> None:
        """Take part in the service."""
        await self.node.start()

    async def drain(self) -> None:
        """Send all sockets away in good order, and write what is still due; some seconds at most."""
        await self.reception.drain()
        await self._seen.flush()

    async def stop(self) -> None:
        """Take part no more."""
        await self.node.stop()
