"""How a process goes away."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest
from prometheus_client import CollectorRegistry

from randomchat.config import Settings
from randomchat.infra import runtime
from randomchat.infra.admin import AdminApp, Readiness
from tests.component.edge_server import EchoApp, exchange, frame, request, socket_at


@dataclass
class Process:
    """`serve` under way; `drain` is what it shall do to see people off."""

    drain: Callable[[], Awaitable[None]]
    app: EchoApp = field(default_factory=EchoApp)
    admin: AdminApp = field(default_factory=lambda: AdminApp(Readiness(), CollectorRegistry()))
    announced: asyncio.Future[tuple[int, int]] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def start(self) -> asyncio.Task[None]:
        def announce(_: str, port: int, admin_port: int) -> None:
            self.announced.set_result((port, admin_port))

        serving = runtime.serve(self.app, settings=Settings(port=0), admin_app=self.admin, drain=self.drain, announce=announce)
        return asyncio.create_task(serving)


@contextlib.asynccontextmanager
async def serving(drain: Callable[[], Awaitable[None]]) -> AsyncIterator[tuple[Process, asyncio.Task[None], int, int]]:
    process = Process(drain)
    task = process.start()
    port, admin_port = await process.announced
    try:
        yield process, task, port, admin_port
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def ask_to_end() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


async def never() -> None:
    await asyncio.Event().wait()


async def test_people_are_seen_off_while_nobody_new_is_let_in() -> None:
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def drain() -> None:
        begun.set()
        await may_end.wait()

    async with serving(drain) as (_, task, port, admin_port), socket_at(port) as client:
        assert (await exchange(admin_port, request("GET /readyz HTTP/1.1"))).status == 200
        ask_to_end()
        await begun.wait()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)
        assert (await exchange(admin_port, request("GET /readyz HTTP/1.1"))).status == 503
        client.send(frame(b"still here"))
        assert (await client.read_frame())[1] == b"still here"
        may_end.set()
        assert await client.read_close() == 1012
        async with asyncio.timeout(5):
            await task


async def test_seeing_people_off_takes_only_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "DRAIN_S", 0.2)
    async with serving(never) as (_, task, _, _):
        ask_to_end()
        async with asyncio.timeout(3):
            await task


async def test_a_failure_on_the_way_does_not_stop_the_end() -> None:
    async def fail() -> None:
        raise ValueError

    async with serving(fail) as (_, task, _, _):
        ask_to_end()
        async with asyncio.timeout(3):
            await task


async def test_a_second_signal_ends_it_at_once() -> None:
    begun = asyncio.Event()

    async def drain() -> None:
        begun.set()
        await never()

    async with serving(drain) as (_, task, port, _), socket_at(port, "/silent"):
        ask_to_end()
        await begun.wait()
        ask_to_end()
        async with asyncio.timeout(3):
            await task


async def test_signals_do_what_they_did_before_once_it_has_ended() -> None:
    before = signal.getsignal(signal.SIGTERM)
    async with serving(lambda: asyncio.sleep(0)) as (_, task, _, _):
        ask_to_end()
        async with asyncio.timeout(3):
            await task
    assert signal.getsignal(signal.SIGTERM) == before
