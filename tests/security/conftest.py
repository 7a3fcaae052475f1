"""The whole product in embedded mode in this process, behind its real edge, as a stranger may meet it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import uvloop
from prometheus_client import CollectorRegistry

from randomchat.bootstrap.embedded import Services, open_embedded
from randomchat.clock import SystemClock
from randomchat.config import Settings
from randomchat.infra.http_server import HttpServer
from tests.component.edge_server import edge
from tests.e2e.stranger import Stranger


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The event loop of the product: its transports differ from asyncio's own."""
    return {"uvloop": uvloop.new_event_loop}


@dataclass
class Product:
    """Where it listens, and who has come."""

    port: int
    server: HttpServer
    services: Services
    people: list[Stranger] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def newcomer(self, name: str) -> Stranger:
        self.people.append(Stranger(self.address, name))
        await self.people[-1].sign_up()
        return self.people[-1]

    async def pair(self, one: str = "Ada", other: str = "Ben") -> tuple[Stranger, Stranger]:
        """Two new people in a channel of their own."""
        first, second = await self.newcomer(one), await self.newcomer(other)
        await asyncio.gather(first.find_partner(), second.find_partner())
        assert first.channel_id == second.channel_id
        return first, second


StartProduct = Callable[..., Awaitable[Product]]


@pytest.fixture
async def start_product(tmp_path: Path) -> AsyncIterator[StartProduct]:
    """Starts it with other settings."""
    async with contextlib.AsyncExitStack() as stack:
        products: list[Product] = []

        async def start(**settings: Any) -> Product:
            tree = Settings(data_dir=tmp_path / "data", **settings)
            services = await stack.enter_async_context(open_embedded(tree, SystemClock(), CollectorRegistry()))
            port, server = await stack.enter_async_context(edge(services.route(), **settings))
            products.append(Product(port, server, services))
            return products[-1]

        yield start
        for product in products:
            for stranger in product.people:
                await stranger.go()


@pytest.fixture
async def product(start_product: StartProduct) -> Product:
    return await start_product()
