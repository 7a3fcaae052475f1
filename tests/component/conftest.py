"""One service over real sockets."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import uvicorn
import uvloop

from randomchat.chat.domain import Event
from tests.component.chat_server import ChatSite, Tab, chat_site

ServeApp = Callable[[Any], Awaitable[str]]


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The event loop of the product: its transports differ from asyncio's own."""
    return {"uvloop": uvloop.new_event_loop}


class StartedServer(uvicorn.Server):
    """A server that says when it can be asked, and stops at once where its own loop would look ten times a second."""

    def __init__(self, app: Any) -> None:
        super().__init__(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=1))
        self.start_ended = asyncio.Event()
        self.stop_asked = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.start_ended.set()

    async def main_loop(self) -> None:
        await self.on_tick(0)
        await self.stop_asked.wait()


@pytest.fixture
async def serve_app() -> AsyncIterator[ServeApp]:
    """Serve an ASGI app on a free port until the test ends; the answer is its address, `http://127.0.0.1:<port>`."""
    running: list[tuple[StartedServer, asyncio.Task[None]]] = []

    async def serve(app: Any) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        server = StartedServer(app)
        running.append((server, asyncio.create_task(server.serve(sockets=[listener]))))
        await server.start_ended.wait()
        assert server.started
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    yield serve
    for server, task in running:
        server.stop_asked.set()
        await task


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[ChatSite]:
    """A chat node with one channel; files that need another one have their own."""
    async with chat_site(tmp_path) as site:
        yield site


@pytest.fixture
async def pair(site: ChatSite) -> tuple[Tab, Tab]:
    """Anna and Ben, both there, and told so."""
    anna = await site.enter(site.anna)
    ben = await site.enter(site.ben)
    await anna.next_frame(Event.ACTION, "joined", user_id=ben.person.id)
    return anna, ben
