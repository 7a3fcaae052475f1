"""The composition root: from settings to a running process, by plain constructor calls."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fastapi import FastAPI
from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector
from starlette.types import ASGIApp

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
from randomchat.infra.object_store import ObjectStore
from randomchat.infra.object_store_local import LocalObjectStore
from randomchat.infra.retention import Retention
from randomchat.infra.runtime import serve, startup_text
from randomchat.infra.sqlite import SqliteDatabase
from randomchat.match.app import MatchApp, MatchPorts
from randomchat.match.queue_memory import MemoryTicketQueue
from randomchat.match.recent_memory import MemoryRecentPartners
from randomchat.match.results_memory import MemoryResultStore
from randomchat.uploader.app import build_uploader_app
from randomchat.user.app import UserApp, build_user_app
from randomchat.user.schema_sqlite import USER_SCHEMA
from randomchat.web.app import create_app as create_web_app

DATABASE_FILE = "randomchat.db"
FILES_FOLDER = "files"
TOKEN_SECRET, LINK_SECRET = "channel-token", "file-link"
NODE_NAME = "main"


@dataclass(frozen=True, slots=True)
class Services:
    """All services of a process."""

    user: UserApp
    match: MatchApp
    chat: ChatApp
    uploader: FastAPI
    web: ASGIApp

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


@dataclass(frozen=True, slots=True)
class Secrets:
    """`token_keys`: see `ChannelTokens`. `link_key`: signs the uploader's links."""

    token_keys: list[bytes] = field(repr=False)
    link_key: bytes = field(repr=False)


async def run_embedded(settings: Settings, announce: Callable[[str], None]) -> None:
    """Serve everything from this process until a signal ends it.

    `announce` is given the start-up text once the address answers. Raises `DataDirError`, `DatabaseError` or `StartupError`,
    whose message is one line, where it can't start.
    """
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    async with open_embedded(settings, SystemClock(), registry) as (services, readiness):

        async def drain() -> None:
            await services.match.drain()
            await services.chat.drain()

        await serve(
            HttpGuard(services.route(), settings),
            settings=settings,
            admin_app=AdminApp(readiness, registry),
            drain=drain,
            announce=lambda host, port, admin_port: announce(startup_text(settings, "embedded", host, port, admin_port)),
        )


@asynccontextmanager
async def open_embedded(
    settings: Settings, clock: Clock, registry: CollectorRegistry
) -> AsyncIterator[tuple[Services, Readiness]]:
    """All services on one SQLite file and one folder of files, the ephemeral parts in memory."""
    data_dir = DataDir.open(settings.data_dir)
    try:
        async with _stores(settings, clock) as (database, objects):
            secrets = Secrets(token_keys=[data_dir.secret(TOKEN_SECRET)], link_key=data_dir.secret(LINK_SECRET))
            async with _run(settings, clock, registry, database, objects, secrets) as running:
                yield running
    finally:
        data_dir.close()


@asynccontextmanager
async def _stores(settings: Settings, clock: Clock) -> AsyncIterator[tuple[SqliteDatabase, LocalObjectStore]]:
    """What lies in the data directory."""
    database = await SqliteDatabase.open(settings.data_dir / DATABASE_FILE, [USER_SCHEMA, CHAT_SCHEMA])
    try:
        folder = settings.data_dir / FILES_FOLDER
        objects = LocalObjectStore(folder, clock, keep_free_bytes=settings.uploader.keep_free_bytes)
        try:
            yield database, objects
        finally:
            await objects.close()
    finally:
        await database.close()


@asynccontextmanager
async def _run(
    settings: Settings,
    clock: Clock,
    registry: CollectorRegistry,
    database: SqliteDatabase,
    objects: ObjectStore,
    secrets: Secrets,
) -> AsyncIterator[tuple[Services, Readiness]]:
    broker = MemoryBroker()
    chat_repository = SqliteChatRepository(database, clock)
    chat_ports = ChatPorts(
        repository=chat_repository,
        routes=MemoryRoutes(clock),
        leases=MemoryNodeLeases(clock),
        mailbox=MemoryMailbox(broker),
        user_sockets=MemoryUserSockets(),
        objects=objects,
        clock=clock,
    )
    chat = ChatApp(new_node_id(NODE_NAME), chat_ports, secrets.token_keys, settings, registry)
    user = build_user_app(database, chat.service, clock, settings)
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
    uploader = build_uploader_app(objects, chat.service, secrets.link_key, clock, settings)
    retentions = [
        user.retention,
        Retention("chat", chat_repository.delete_expired, settings.retention, clock),
        Retention("files", objects.delete_expired, settings.retention, clock),
    ]
    readiness = _readiness(database, chat, match)
    await chat.start()
    await match.start()
    for retention in retentions:
        retention.start()
    try:
        yield Services(user, match, chat, uploader, create_web_app()), readiness
    finally:
        for retention in retentions:
            await retention.stop()
        await match.stop()
        await chat.stop()


def _readiness(database: SqliteDatabase, chat: ChatApp, match: MatchApp) -> Readiness:
    async def check_database() -> str | None:
        await database.check()
        return None

    async def check_clock() -> str | None:
        return chat.node.clock_trouble()

    async def check_fast_path() -> str | None:
        return chat.node.fast_path_trouble()

    async def check_matching() -> str | None:
        return match.node.trouble()

    readiness = Readiness()
    readiness.add("database", check_database)
    readiness.add("clock", check_clock)
    readiness.add("mailbox and routes", check_fast_path)
    readiness.add("matching", check_matching)
    return readiness


async def openapi_of(service: str) -> dict[str, Any]:
    """The OpenAPI document of a service: `user`, `match`, `chat` or `uploader`."""
    with TemporaryDirectory() as folder:
        async with open_embedded(Settings(data_dir=Path(folder)), SystemClock(), CollectorRegistry()) as (services, _):
            apis = {
                "user": services.user.api,
                "match": services.match.rest,
                "chat": services.chat.rest,
                "uploader": services.uploader,
            }
            return apis[service].openapi()
