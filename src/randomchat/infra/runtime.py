"""The life of a process: it takes its addresses, serves, and goes away in an orderly manner."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import resource
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import structlog
from starlette.types import ASGIApp

from randomchat import __version__
from randomchat.config import Settings
from randomchat.infra.admin import AdminApp
from randomchat.infra.http_server import HttpServer, private_server, public_server

DRAIN_S = 8.0
STOP_S = 1.5
"""Bounds of the two parts of an orderly end, which together takes less than 10 s."""
BACKLOG = 2048
_ALL_ADDRESSES = {"0.0.0.0", "::", ""}  # noqa: S104 - compared, not bound

_log = structlog.get_logger()


class StartupError(Exception):
    """The process can't start; the message is one line that says what to change."""


async def serve(
    app: ASGIApp,
    *,
    settings: Settings,
    admin_app: AdminApp,
    drain: Callable[[], Awaitable[None]],
    announce: Callable[[str, int, int], None],
) -> None:
    """Serve until SIGTERM or SIGINT, and return.

    `announce(host, port, admin_port)` is called once both addresses answer. At a signal the process stops listening and is not
    ready any more; then `drain` may take 8 s to see people off, and what is still connected after it is cut. A second signal
    ends it at once. Raises `StartupError` where an address can't be taken.
    """
    raise_file_limit()
    with (
        contextlib.closing(bind(settings.host, settings.port)) as public,
        contextlib.closing(bind(settings.admin.host, settings.admin.port)) as private,
    ):
        server, admin_server = public_server(app, settings), private_server(admin_app)
        async with _signals() as signals, _running(admin_server, private):
            async with _running(server, public):
                announce(settings.host, public.getsockname()[1], private.getsockname()[1])
                await signals.first.wait()
                _log.info("going away")
                server.stop_listening()
                admin_app.readiness.stop()
                await _bounded(drain(), DRAIN_S, signals.second)
                if signals.second.is_set():
                    server.abort_connections()
            admin_server.abort_connections()


def startup_text(settings: Settings, mode: str, host: str, port: int, admin_port: int, data_dir: Path | None = None) -> str:
    """What a person wants to know of a process that has just started. `data_dir`: where it keeps things, if it does so itself."""
    address = settings.public_url or f"http://{_in_url('localhost' if host in _ALL_ADDRESSES else host)}:{port}"
    lines = {
        "open": address,
        "data": "" if data_dir is None else str(data_dir.resolve()),
        "mode": mode,
        "health": f"http://{_in_url(settings.admin.host)}:{admin_port}/readyz",
    }
    return "\n".join([f"randomchat {__version__}", *(f"  {name + ':':<8}{value}" for name, value in lines.items() if value)])


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises `StartupError`."""
    try:
        family, _, _, _, address = min(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM), key=lambda found: found[0])
    except OSError:
        raise StartupError(f"can't listen on {host}: there is no such address") from None
    listener = socket.socket(family)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise StartupError(f"can't listen on {host}:{port}: {_why(error)}") from None
    return listener


def raise_file_limit() -> None:
    """Each connection is an open file, and the usual limit is low; the hard one is what the system allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _why(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "another program listens there; choose another port with --port, or end that program"
    if error.errno == errno.EACCES:
        return "this user may not; choose a port above 1023"
    return (error.strerror or str(error)).lower()


class _Signals:
    """The first asks for an orderly end, the second for one at once; a third one kills."""

    def __init__(self) -> None:
        self.first, self.second = asyncio.Event(), asyncio.Event()

    def note(self) -> None:
        (self.second if self.first.is_set() else self.first).set()
        if self.second.is_set():
            self.forget()

    def forget(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().remove_signal_handler(number)


@contextlib.asynccontextmanager
async def _signals() -> AsyncIterator[_Signals]:
    signals = _Signals()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, signals.note)
    try:
        yield signals
    finally:
        signals.forget()


@contextlib.asynccontextmanager
async def _running(server: HttpServer, listener: socket.socket) -> AsyncIterator[None]:
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        await server.ready.wait()
        yield
    finally:
        server.stop()
        await asyncio.wait({serving}, timeout=STOP_S)
        server.abort_connections()


async def _bounded(work: Awaitable[None], seconds: float, interrupted: asyncio.Event) -> None:
    """Wait for work to be done, for the time to be over, or for somebody who is in a hurry."""
    working = asyncio.ensure_future(work)
    hurry = asyncio.create_task(interrupted.wait())
    await asyncio.wait({working, hurry}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for task in (working, hurry):
        task.cancel()
    for result in await asyncio.gather(working, hurry, return_exceptions=True):
        if isinstance(result, Exception):
            _log.error("seeing people off failed", exc_info=result)
