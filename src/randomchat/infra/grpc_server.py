"""The answering side of gRPC, with health (`grpc.health.v1`) and reflection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import grpc
import structlog
from grpc_health.v1 import health
from grpc_health.v1.health_pb2 import HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import add_HealthServicer_to_server
from grpc_reflection.v1alpha import reflection
from prometheus_client import CollectorRegistry, Counter

from randomchat.config import GrpcSettings
from randomchat.infra.grpc_credentials import CallToken, server_credentials
from randomchat.infra.grpc_interceptors import CountInterceptor, RefusalInterceptor, TokenInterceptor
from randomchat.infra.runtime import StartupError

STOP_S = 2.0

OPTIONS: tuple[tuple[str, str | int], ...] = (
    ("grpc.so_reuseport", 0),  # a second process on the same port fails, instead of taking every other connection
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 4000),
    ("grpc.max_connection_age_ms", 300_000),  # clients look anew who there is: a process that was added gets its share
    ("grpc.max_connection_age_grace_ms", 30_000),
)

_log = structlog.get_logger(__name__)


class Servicer(Protocol):
    """Answers the calls of one service of `api/proto`."""

    name: str
    """The service's full name, such as `randomchat.user.v1.UserService`."""

    def add_to(self, server: grpc.aio.Server) -> None:
        """Let `server` pass the service's calls to this object."""
        ...


class GrpcServer:
    """Serves the other services on `grpc.host` and `grpc.port`. `port`: the one that was taken, once started."""

    def __init__(self, settings: GrpcSettings, servicers: Sequence[Servicer], registry: CollectorRegistry | None = None) -> None:
        """`registry`: gets a counter of the calls.

        Raises `SettingsError` where the token or a certificate can't be used: without them nobody is served.
        """
        self._settings = settings
        self._servicers = servicers
        self._token = CallToken(settings)
        self._credentials = server_credentials(settings.tls)
        self._calls = Counter(
            "randomchat_grpc_calls_total", "Calls of other services.", ["method"], registry=registry or CollectorRegistry()
        )
        self._health = health.aio.HealthServicer()
        self._server: grpc.aio.Server | None = None
        self.port = settings.port

    async def start(self) -> None:
        """Listen and answer. Raises `StartupError` where the address can't be taken."""
        interceptors = (TokenInterceptor(self._token), CountInterceptor(self._calls), RefusalInterceptor())
        server = grpc.aio.server(interceptors=interceptors, options=OPTIONS)
        names = [servicer.name for servicer in self._servicers]
        for servicer in self._servicers:
            servicer.add_to(server)
        add_HealthServicer_to_server(self._health, server)
        reflection.enable_server_reflection([*names, health.SERVICE_NAME, reflection.SERVICE_NAME], server)
        self.port = self._bind(server)
        for name in ("", *names):
            await self._health.set(name, HealthCheckResponse.SERVING)
        await server.start()
        self._server = server

    async def drain(self) -> None:
        """Ask the other services to call another process; calls are still answered."""
        await self._health.enter_graceful_shutdown()

    async def close(self) -> None:
        """Take no more calls, and give those under way 2 s."""
        await self.drain()
        if self._server is not None:
            await self._server.stop(STOP_S)

    def _bind(self, server: grpc.aio.Server) -> int:
        host, port = self._settings.host, self._settings.port
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        try:
            if self._credentials is None:
                return server.add_insecure_port(address)
            return server.add_secure_port(address, self._credentials)
        except RuntimeError:
            raise StartupError(f"can't listen on {address} for the other services (grpc.host, grpc.port)") from None
