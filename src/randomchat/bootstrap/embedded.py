"""Embedded mode: all services in one process, on one SQLite file and one folder of files."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from starlette.types import ASGIApp

from randomchat.bootstrap.process import new_registry, watch_chat, watch_match
from randomchat.chat.app import ChatApp, ChatPorts
from randomchat.chat.repository_sqlite import SqliteChatRepository
from randomchat.chat.routes_memory import MemoryRoutes
from randomchat.chat.schema_sqlite import CHAT_SCHEMA
from randomchat.chat.user_sockets_memory import MemoryUserSockets
from randomchat.clock import Clock, SystemClock
from randomchat.config import Settings
from randomchat.infra.admin import AdminApp, Readiness
from randomchat.infra.data_dir import DataDir
from randomchat.infra.http_guard import HttpGuard, ServiceRouter
from randomchat.infra.mailbox_memory import MemoryBroker, MemoryMailbox
from randomchat.infra.node import new_node_id
from randomchat.infra.node_memory import MemoryNodeLeases
from randomchat.infra.object_store_local import LocalObjectStore
from randomchat.infra.rate_limiter_memory import MemoryRateLimiter
from randomchat.infra.retention import Retention
from randomchat.infra.runtime import serve, startup_text
from randomchat.infra.sqlite import SqliteDatabase
from randomchat.match.app import MatchApp, MatchPorts
from randomchat.match.queue_memory import MemoryTicketQueue
from randomchat.match.recent_memory import MemoryRecentPartners
from randomchat.match.results_memory import MemoryResultStore
from randomchat.uploader.app import build_uploader_app
from randomchat.user.app import UserApp
from randomchat.user.repository_sqlite import SqliteUserRepository
from randomchat.user.schema_sqlite import USER_SCHEMA
from randomchat.web.app import create_app as create_web_app

DATABASE_FILE = "randomchat.db"
FILES_FOLDER = "files"
TOKEN_SECRET, LINK_SECRET = "channel-token", "file-link"
NODE_NAME = "main"


@dataclass(frozen=True, slots=True)
class Services:
    """All services of the process, and whether they can do their work."""

    user: UserApp
    match: MatchApp
    chat: ChatApp
    uploader: FastAPI
    web: ASGIApp
    readiness: Readiness

    def route(self) -> ASGIApp:
        """One application out of all of them, by the prefixes of their paths."""
        return ServiceRouter(
            {
                "/api/user": self.user.api,
                "/api/match": self.match,
                "/api/chat": self.chat,
                "/api/uploader": self.uploader,
                "/": self.web,
            }
        )

    async def drain(self) -> None:
        """See everybody off who has a socket."""
        await self.match.drain()
        await self.chat.drain()


@dataclass(frozen=True, slots=True)
class Stores:
    """What lies in the data directory. `token_keys`: see `ChannelTokens`; `link_key` signs the uploader's links."""

    database: SqliteDatabase
    objects: LocalObjectStore
    token_keys: list[bytes] = field(repr=False)
    link_key: bytes = field(repr=False)


async def run_embedded(settings: Settings, announce: Callable[[str], None]) -> None:
    """Serve everything from this process until a signal ends it.

    `announce` is given the start-up text once the address answers. Raises `DataDirError`, `DatabaseError` or `StartupError`,
    whose message is one line, where it can't start.
    """
    registry = new_registry()
    async with open_embedded(settings, SystemClock(), registry) as services:
        await serve(
            HttpGuard(services.route(), settings),
            settings=settings,
            admin_app=AdminApp(services.readiness, registry),
            drain=services.drain,
            announce=lambda host, port, admin_port: announce(
                startup_text(settings, "embedded", host, port, admin_port, settings.data_dir)
            ),
        )


@asynccontextmanager
async def open_embedded(settings: Settings, clock: Clock, registry: CollectorRegistry) -> AsyncIterator[Services]:
    """All services, the ephemeral parts in memory. What was begun is ended in reverse order."""
    async with AsyncExitStack() as stack:
        stores = await _open_stores(settings, clock, stack)
        yield await _open_services(settings, clock, registry, stores, stack)


async def _open_stores(settings: Settings, clock: Clock, stack: AsyncExitStack) -> Stores:
    data_dir = DataDir.open(settings.data_dir)
    stack.callback(data_dir.close)
    database = await SqliteDatabase.open(settings.data_dir / DATABASE_FILE, [USER_SCHEMA, CHAT_SCHEMA])
    stack.push_async_callback(database.close)
    objects = LocalObjectStore(settings.data_dir / FILES_FOLDER, clock, keep_free_bytes=settings.uploader.keep_free_bytes)
    stack.push_async_callback(objects.close)
    return Stores(database, objects, [data_dir.secret(TOKEN_SECRET)], data_dir.secret(LINK_SECRET))


async def _open_services(
    settings: Settings, clock: Clock, registry: CollectorRegistry, stores: Stores, stack: AsyncExitStack
) -> Services:
    broker = MemoryBroker()
    chat_repository = SqliteChatRepository(stores.database, clock)
    chat_ports = ChatPorts(
        repository=chat_repository,
        routes=MemoryRoutes(clock),
        leases=MemoryNodeLeases(clock),
        mailbox=MemoryMailbox(broker),
        user_sockets=MemoryUserSockets(),
        objects=stores.objects,
        clock=clock,
    )
    chat = ChatApp(new_node_id(NODE_NAME), chat_ports, stores.token_keys, settings, registry)
    user_repository = SqliteUserRepository(stores.database)
    user = UserApp(user_repository, chat.service, MemoryRateLimiter(clock), clock, settings)
    match_ports = MatchPorts(
        users=user.service,
        chat=chat.service,
        queue=MemoryTicketQueue(clock, settings.match.widening),
        results=MemoryResultStore(clock, settings.match.result_ttl_s),
        recent=MemoryRecentPartners(clock, count=settings.match.recent_partners, hours=settings.match.recent_partners_hours),
        leases=MemoryNodeLeases(clock),
        mailbox=MemoryMailbox(broker),
        clock=clock,
    )
    match = MatchApp(new_node_id(NODE_NAME), match_ports, settings, registry)
    uploader = build_uploader_app(
        stores.objects, chat.service, stores.link_key, clock, settings, limiter=MemoryRateLimiter(clock)
    )

    await chat.start()
    stack.push_async_callback(chat.stop)
    await match.start()
    stack.push_async_callback(match.stop)
    for name, delete_expired in (
        ("user", user_repository.delete_expired),
        ("chat", chat_repository.delete_expired),
        ("files", stores.objects.delete_expired),
    ):
        retention = Retention(name, delete_expired, settings.retention, clock)
        retention.start()
        stack.push_async_callback(retention.stop)
    return Services(user, match, chat, uploader, create_web_app(), _readiness(stores.database, chat, match))


def _readiness(database: SqliteDatabase, chat: ChatApp, match: MatchApp) -> Readiness:
    readiness = Readiness()
    readiness.add("database", database.check)
    watch_chat(readiness, chat)
    watch_match(readiness, match)
    return readiness


async def openapi_of(service: str) -> dict[str, Any]:
    """The OpenAPI document of a service: `user`, `match`, `chat` or `uploader`."""
    with TemporaryDirectory() as folder:
        async with open_embedded(Settings(data_dir=Path(folder)), SystemClock(), CollectorRegistry()) as services:
            apis = {
                "user": services.user.api,
                "match": services.match.rest,
                "chat": services.chat.rest,
                "uploader": services.uploader,
            }
            return apis[service].openapi()
