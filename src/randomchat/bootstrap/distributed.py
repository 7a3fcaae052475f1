"""Distributed mode: one service in one process, on Cassandra, Redis Cluster, Kafka and S3, its peers behind gRPC.

A process starts whatever is away: it serves at once, is ready once it has reached all that it stands on, and says which that is.
"""

# ruff: noqa: PLC0415 - a driver is imported by what stands on it: no process loads more of them than it needs

from __future__ import annotations

import re
import socket
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar

from prometheus_client import CollectorRegistry
from starlette.types import ASGIApp

from randomchat.bootstrap.process import new_registry, watch_chat, watch_match
from randomchat.bootstrap.secrets import check_grpc_token, link_key, token_keys
from randomchat.clock import Clock, SystemClock
from randomchat.config import Settings
from randomchat.ids import NodeId
from randomchat.infra.admin import AdminApp, Readiness
from randomchat.infra.drivers import check_drivers
from randomchat.infra.http_guard import HttpGuard, ServiceRouter
from randomchat.infra.node import NodeLeases, new_node_id
from randomchat.infra.runtime import serve, startup_text

if TYPE_CHECKING:
    from randomchat.infra.cassandra import Cassandra
    from randomchat.infra.grpc_server import GrpcServer, Servicer
    from randomchat.infra.mailbox import Mailbox
    from randomchat.infra.redis import Redis
    from randomchat.infra.s3 import S3
    from randomchat.interfaces.chat import ChatApi
    from randomchat.interfaces.user import UserApi

ServiceName = Literal["web", "user", "match", "chat", "uploader"]

REMEMBER_TOKEN_S = 5.0
"""For how long the uploader believes what the chat service said of a token."""


class Startable(Protocol):
    """`start` returns at once where what it needs is away, and goes on trying; `close` takes some seconds at most."""

    async def start(self) -> None: ...

    async def close(self) -> None: ...


Part = TypeVar("Part", bound=Startable)


async def nothing() -> None:
    """What a service without sockets has to do when it goes away."""


@dataclass(frozen=True, slots=True)
class Service:
    """What a process serves below `prefix`, and how it sees people off."""

    prefix: str
    app: ASGIApp
    drain: Callable[[], Awaitable[None]] = nothing


class Site:
    """What the service of a process stands on. Each part begins where it is asked for; the exit stack ends them all."""

    def __init__(self, settings: Settings, stack: AsyncExitStack) -> None:
        self.settings = settings
        self.clock: Clock = SystemClock()
        self.registry: CollectorRegistry = new_registry()
        self.readiness = Readiness()
        self.stack = stack

    def new_node(self) -> NodeId:
        """A name for the node of this process that no other has or had."""
        return new_node_id(self.settings.node_name or re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname())[:64])

    async def begin(self, part: Part) -> Part:
        """Start a part, to be closed at the end of the process."""
        await part.start()
        self.stack.push_async_callback(part.close)
        return part

    async def cassandra(self) -> Cassandra:
        from randomchat.infra.cassandra import Cassandra

        cassandra = await self.begin(Cassandra(self.settings.cassandra))
        self.readiness.add("cassandra", cassandra.check)
        return cassandra

    async def redis(self) -> Redis:
        from randomchat.infra.redis import Redis

        redis = await self.begin(Redis(self.settings.redis))
        self.readiness.add("redis", redis.check)
        return redis

    async def s3(self) -> S3:
        from randomchat.infra.s3 import S3

        s3 = await self.begin(S3(self.settings.s3))
        self.readiness.add("s3", s3.check)
        return s3

    async def mailbox(self, service: str, leases: NodeLeases) -> Mailbox:
        """The mailbox of the node of this process, and what clears away after the nodes of its service."""
        from randomchat.infra.kafka import Kafka
        from randomchat.infra.kafka_metrics import KafkaMetrics
        from randomchat.infra.kafka_topics import TopicSweeper
        from randomchat.infra.mailbox_kafka import KafkaMailbox

        kafka = await self.begin(Kafka(self.settings.kafka, KafkaMetrics(self.registry)))
        self.readiness.add("kafka", kafka.check)
        await self.begin(TopicSweeper(kafka, service, leases, self.clock))
        return KafkaMailbox(kafka)

    async def chat_api(self) -> ChatApi:
        from randomchat.infra.grpc_channel import open_channel
        from randomchat.interfaces.chat_grpc import CHAT_SERVICE, GrpcChatApi

        name, grpc = "chat service", self.settings.grpc
        channel = await self.begin(open_channel(grpc.chat, grpc, name, CHAT_SERVICE))
        self.readiness.add(name, channel.check)
        return GrpcChatApi(channel, self.clock)

    async def user_api(self) -> UserApi:
        from randomchat.infra.grpc_channel import open_channel
        from randomchat.interfaces.user_grpc import USER_SERVICE, GrpcUserApi

        name, grpc = "user service", self.settings.grpc
        channel = await self.begin(open_channel(grpc.user, grpc, name, USER_SERVICE))
        self.readiness.add(name, channel.check)
        return GrpcUserApi(channel)

    async def offer(self, servicer: Servicer) -> GrpcServer:
        """Let the other services call this one."""
        from randomchat.infra.grpc_server import GrpcServer

        return await self.begin(GrpcServer(self.settings.grpc, [servicer], self.registry))


async def run_service(name: ServiceName, settings: Settings, announce: Callable[[str], None]) -> None:
    """Serve one service from this process until a signal ends it.

    `announce` is given the start-up text once the address answers. Raises `SettingsError` or `StartupError`, whose message is
    one line, where it can't start.
    """
    check_drivers()
    if name != "web":
        check_grpc_token(settings)
    async with AsyncExitStack() as stack:
        site = Site(settings, stack)
        service = await OPEN[name](site)
        await serve(
            HttpGuard(ServiceRouter({service.prefix: service.app}), settings),
            settings=settings,
            admin_app=AdminApp(site.readiness, site.registry),
            drain=service.drain,
            announce=lambda host, port, admin_port: announce(startup_text(settings, f"{name} service", host, port, admin_port)),
        )


async def open_web(site: Site) -> Service:
    from randomchat.web.app import create_app

    return Service("/", create_app(site.settings.s3.public_origin))


async def open_user(site: Site) -> Service:
    from randomchat.infra.rate_limiter_redis import RedisRateLimiter
    from randomchat.user.app import UserApp
    from randomchat.user.repository_cassandra import CassandraUserRepository
    from randomchat.user.rpc import UserServicer

    repository = CassandraUserRepository(await site.cassandra(), site.clock, site.settings.retention)
    limiter = RedisRateLimiter(await site.redis(), site.clock)
    user = UserApp(repository, await site.chat_api(), limiter, site.clock, site.settings)
    offer = await site.offer(UserServicer(user.service))
    return Service("/api/user", user.api, offer.drain)


async def open_match(site: Site) -> Service:
    from randomchat.infra.node_redis import RedisNodeLeases
    from randomchat.match.app import MatchApp, MatchPorts
    from randomchat.match.queue_redis import RedisTicketQueue
    from randomchat.match.recent_redis import RedisRecentPartners
    from randomchat.match.results_redis import RedisResultStore

    settings, clock, redis = site.settings.match, site.clock, await site.redis()
    leases = RedisNodeLeases(redis, "match")
    ports = MatchPorts(
        users=await site.user_api(),
        chat=await site.chat_api(),
        queue=RedisTicketQueue(redis, clock, settings.widening),
        results=RedisResultStore(redis, settings.result_ttl_s),
        recent=RedisRecentPartners(redis, clock, count=settings.recent_partners, hours=settings.recent_partners_hours),
        leases=leases,
        mailbox=await site.mailbox("match", leases),
        clock=clock,
    )
    match = MatchApp(site.new_node(), ports, site.settings, site.registry)
    watch_match(site.readiness, match)
    await match.start()
    site.stack.push_async_callback(match.stop)
    return Service("/api/match", match, match.drain)


async def open_chat(site: Site) -> Service:
    from randomchat.chat.app import ChatApp, ChatPorts
    from randomchat.chat.repository_cassandra import CassandraChatRepository
    from randomchat.chat.routes_redis import RedisRoutes
    from randomchat.chat.rpc import ChatServicer
    from randomchat.chat.user_sockets_redis import RedisUserSockets
    from randomchat.infra.node_redis import RedisNodeLeases
    from randomchat.infra.object_store_s3 import S3ObjectStore

    keys = token_keys(site.settings)
    clock, redis = site.clock, await site.redis()
    leases = RedisNodeLeases(redis, "chat")
    ports = ChatPorts(
        repository=CassandraChatRepository(await site.cassandra(), clock, site.settings.retention),
        routes=RedisRoutes(redis, clock),
        leases=leases,
        mailbox=await site.mailbox("chat", leases),
        user_sockets=RedisUserSockets(redis, ttl_s=site.settings.chat.token.ttl_hours * 3600),
        objects=S3ObjectStore(await site.s3()),
        clock=clock,
    )
    chat = ChatApp(site.new_node(), ports, keys, site.settings, site.registry)
    watch_chat(site.readiness, chat)
    await chat.start()
    site.stack.push_async_callback(chat.stop)
    offer = await site.offer(ChatServicer(chat.service))

    async def drain() -> None:
        await offer.drain()
        await chat.drain()

    return Service("/api/chat", chat, drain)


async def open_uploader(site: Site) -> Service:
    from randomchat.infra.object_store_s3 import S3ObjectStore
    from randomchat.infra.rate_limiter_redis import RedisRateLimiter
    from randomchat.uploader.app import build_uploader_app

    key = link_key(site.settings)
    s3 = await site.s3()
    limiter = RedisRateLimiter(await site.redis(), site.clock)
    app = build_uploader_app(
        S3ObjectStore(s3),
        await site.chat_api(),
        key,
        site.clock,
        site.settings,
        limiter=limiter,
        s3=s3,
        remember_s=REMEMBER_TOKEN_S,
    )
    return Service("/api/uploader", app)


OPEN: dict[ServiceName, Callable[[Site], Awaitable[Service]]] = {
    "web": open_web,
    "user": open_user,
    "match": open_match,
    "chat": open_chat,
    "uploader": open_uploader,
}
