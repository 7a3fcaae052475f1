"""The HTTP servers of a process: uvicorn with our protocols, behind trusted proxies or not."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import resource
import socket
from collections.abc import Iterator
from ipaddress import IPv4Network

import uvicorn
from starlette.types import ASGIApp

from randomchat.config import Settings, network_of
from randomchat.infra.http_protocol import HttpProtocol
from randomchat.infra.websocket_protocol import WebSocketProtocol

KEEP_ALIVE_S = 75
"""Longer than proxies keep their connections: else they send a request just when we close."""
FRAME_MAX_BYTES = 64 * 1024
SHUTDOWN_S = 1
FILES_A_CONNECTION = 2
"""Its own, and the one that it may be sending or receiving."""
SPARE_FILES = 256
"""Open files of a process besides its connections."""


class HttpServer(uvicorn.Server):
    """A server that says when it can be asked, and is told when to stop.

    The process handles the signals itself: uvicorn would raise them again at its end.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready, self._stop_asked = asyncio.Event(), asyncio.Event()

    def stop(self) -> None:
        """Let `serve` end: requests under way may take 1 s more."""
        self._stop_asked.set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    async def main_loop(self) -> None:
        while not self._stop_asked.is_set():
            await self.on_tick(0)  # the date in the answers
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop_asked.wait(), 1)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def stop_listening(self) -> None:
        """New connections are refused; those that are there go on."""
        for listener in getattr(self, "servers", []):
            listener.close()

    def abort_connections(self) -> None:
        """Cut what is left after the end."""
        for connection in list(self.server_state.connections):
            connection.transport.abort()


def public_server(app: ASGIApp, settings: Settings) -> HttpServer:
    """The server that people's browsers reach, directly or through a proxy."""
    return _server(
        uvicorn.Config(
            app,
            http=HttpProtocol,
            ws=WebSocketProtocol,
            ws_max_size=FRAME_MAX_BYTES,
            ws_per_message_deflate=False,
            ws_ping_interval=settings.chat.beat_every_s,
            ws_ping_timeout=settings.chat.beat_every_s,
            limit_concurrency=max_connections(settings),
            proxy_headers=bool(settings.trusted_proxies),
            forwarded_allow_ips=trusted_networks(settings),
            interface="asgi3",
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=SHUTDOWN_S,
        )
    )


def private_server(app: ASGIApp) -> HttpServer:
    """The server of health and metrics."""
    return _server(
        uvicorn.Config(
            app,
            http=HttpProtocol,
            ws="none",
            proxy_headers=False,
            interface="asgi3",
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=SHUTDOWN_S,
        )
    )


def max_connections(settings: Settings) -> int | None:
    """How many connections the process takes: as many as the settings allow and files can be open; None: without end."""
    limits = [settings.limits.connections] if settings.limits.enabled else []
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files != resource.RLIM_INFINITY:
        limits.append(max(1, (files - SPARE_FILES) // FILES_A_CONNECTION))
    return min(limits, default=None)


def trusted_networks(settings: Settings) -> list[str]:
    """The trusted proxies as uvicorn reads them, also as a socket for IPv6 and IPv4 sees them."""
    networks = []
    for entry in settings.trusted_proxies:
        network = network_of(entry)
        networks.append(str(network))
        if isinstance(network, IPv4Network):
            networks.append(f"::ffff:{network.network_address}/{96 + network.prefixlen}")
    return networks


def _server(config: uvicorn.Config) -> HttpServer:
    # It logs the addresses of upgrades, which hold tokens, at level info, cookies at level debug, and at level warning each
    # nonsense that a stranger sends.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    return HttpServer(config)
