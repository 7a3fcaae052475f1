"""Puts a match node together."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from starlette.types import Receive, Scope, Send

from randomchat.clock import Clock
from randomchat.config import Settings
from randomchat.errors import Close
from randomchat.ids import NodeId
from randomchat.infra.clock_watch import ClockWatch
from randomchat.infra.mailbox import Mailbox
from randomchat.infra.node import NodeLeases
from randomchat.infra.tasks import Tasks
from randomchat.interfaces.chat import ChatApi
from randomchat.interfaces.user import UserApi
from randomchat.match.confirmation import Confirmations
from randomchat.match.metrics import MatchMetrics
from randomchat.match.node import MatchNode
from randomchat.match.pairing import Pairing
from randomchat.match.posts import PostOffice
from randomchat.match.queue import TicketQueue
from randomchat.match.recent import RecentPartners
from randomchat.match.rest import create_rest
from randomchat.match.results import ResultStore
from randomchat.match.searches import Searches
from randomchat.match.service import MatchService
from randomchat.match.upkeep import Upkeep
from randomchat.match.websocket import MatchEndpoint


@dataclass(frozen=True, slots=True)
class MatchPorts:
    """What a match node stands on. Nodes that share queue, results, recent partners and leases are one service."""

    users: UserApi
    chat: ChatApi
    queue: TicketQueue
    results: ResultStore
    recent: RecentPartners
    leases: NodeLeases
    mailbox: Mailbox
    clock: Clock


class MatchApp:
    """A match node as an ASGI application: the socket and the plain requests below `/api/match`."""

    def __init__(self, node_id: NodeId, ports: MatchPorts, settings: Settings, registry: CollectorRegistry) -> None:
        clock, tasks = ports.clock, Tasks()
        watch = ClockWatch(clock, lambda _: upkeep.send_away(Close.TROUBLE))
        searches = Searches(node_id, clock, watch)
        posts = PostOffice(ports.mailbox, node_id, clock)
        metrics = MatchMetrics(registry, waiting=lambda: len(searches), unknown_posts=lambda: posts.unknown)
        confirmations = Confirmations(node_id, searches, posts, clock, metrics)
        pairing = Pairing(
            node_id,
            queue=ports.queue,
            results=ports.results,
            recent=ports.recent,
            chat=ports.chat,
            searches=searches,
            confirmations=confirmations,
            posts=posts,
            clock=clock,
            widening=settings.match.widening,
            metrics=metrics,
            tasks=tasks,
        )
        upkeep = Upkeep(
            queue=ports.queue,
            results=ports.results,
            recent=ports.recent,
            chat=ports.chat,
            searches=searches,
            pairing=pairing,
            clock=clock,
            tasks=tasks,
        )
        self.service = MatchService(searches, upkeep, clock, settings.limits)
        self.node = MatchNode(node_id, searches, confirmations, upkeep, posts, ports.mailbox, ports.leases, watch, clock, tasks)
        self.rest: FastAPI = create_rest()
        self._endpoint = MatchEndpoint(
            ports.users, ports.chat, self.service, self.node.clock_trouble, clock, settings.match.waiting_every_s
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._endpoint if scope["type"] == "websocket" else self.rest
        await app(scope, receive, send)

    async def start(self) -> None:
        """Take part in the service."""
        await self.node.start()

    async def drain(self) -> None:
        """Send all sockets away in good order."""
        self.service.drain()

    async def stop(self) -> None:
        """Take part no more; some seconds at most."""
        await self.node.stop()
