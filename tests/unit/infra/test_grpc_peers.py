"""Peers that are late, killed, restarted, frozen, or many."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Self

import pytest

from randomchat.errors import Unavailable
from randomchat.infra.grpc_channel import GrpcChannel
from randomchat.infra.grpc_server import GrpcServer
from randomchat.interfaces.user_grpc import GrpcUserApi
from tests.grpc_site import ADA, HOST, ScriptedUsers, channel_to, grpc_settings, seconds_until_answer, serving

BACK_WITHIN_S = 2.0
StartPeer = Callable[..., Awaitable["Peer"]]


class Peer:
    """A user service in a process of its own."""

    def __init__(self, child: asyncio.subprocess.Process, port: int) -> None:
        self._child = child
        self.port = port

    @classmethod
    async def start(cls, port: int = 0) -> Peer:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.grpc_site", str(port), stdout=asyncio.subprocess.PIPE
        )
        assert child.stdout is not None
        return cls(child, int(await child.stdout.readline()))

    def freeze(self) -> None:
        os.kill(self._child.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self._child.pid, signal.SIGCONT)

    async def kill(self) -> None:
        if self._child.returncode is None:
            self._child.kill()
        await self._child.communicate()


@pytest.fixture
async def start_peer() -> AsyncIterator[StartPeer]:
    async with AsyncExitStack() as stack:

        async def start(port: int = 0) -> Peer:
            peer = await Peer.start(port)
            stack.push_async_callback(peer.kill)
            return peer

        yield start


async def test_a_peer_that_starts_later_is_reached_soon(start_peer: StartPeer) -> None:
    first = await start_peer()
    await first.kill()
    async with channel_to(f"{HOST}:{first.port}") as channel:
        start = time.monotonic()
        for _ in range(8):
            with pytest.raises(Unavailable):
                await GrpcUserApi(channel).authenticate("cookie")
        assert time.monotonic() - start < 4, "a call to nobody fails quickly"
        await start_peer(first.port)
        assert await seconds_until_answer(GrpcUserApi(channel)) < BACK_WITHIN_S
        await channel.check()


async def test_a_peer_that_is_killed_and_restarted_is_reached_soon(start_peer: StartPeer) -> None:
    peer = await start_peer()
    async with channel_to(f"{HOST}:{peer.port}") as channel:
        api = GrpcUserApi(channel)
        await api.authenticate("cookie")
        for _ in range(2):
            await peer.kill()
            await asyncio.gather(*(api.authenticate("cookie") for _ in range(20)), return_exceptions=True)
            with pytest.raises(Unavailable):
                await channel.check()
            peer = await start_peer(peer.port)
            assert await seconds_until_answer(api) < BACK_WITHIN_S


async def test_a_peer_that_is_frozen_costs_a_deadline_and_is_used_again_once_it_moves(start_peer: StartPeer) -> None:
    peer = await start_peer()
    async with channel_to(f"{HOST}:{peer.port}", grpc_settings(timeout_s=0.5)) as channel:
        api = GrpcUserApi(channel)
        await api.authenticate("cookie")
        peer.freeze()
        start = time.monotonic()
        answers = await asyncio.gather(*(api.authenticate("cookie") for _ in range(10)), return_exceptions=True)
        assert all(isinstance(answer, Unavailable) for answer in answers)
        assert time.monotonic() - start < 2
        peer.thaw()
        assert await seconds_until_answer(api) < BACK_WITHIN_S


async def open_two(stack: AsyncExitStack) -> tuple[list[ScriptedUsers], list[GrpcServer], GrpcChannel]:
    users = [ScriptedUsers(), ScriptedUsers()]
    servers = [await stack.enter_async_context(serving(each)) for each in users]
    target = "ipv4:" + ",".join(f"{HOST}:{server.port}" for server in servers)
    channel = await stack.enter_async_context(channel_to(target))
    while not all(each.asked for each in users):
        await GrpcUserApi(channel).authenticate("cookie")
    for each in users:
        each.asked.clear()
    return users, servers, channel


async def test_calls_go_round_all_processes_of_a_service() -> None:
    async with AsyncExitStack() as stack:
        users, _, channel = await open_two(stack)
        for _ in range(20):
            await GrpcUserApi(channel).authenticate("cookie")
        assert [len(each.asked) for each in users] == [10, 10]


class Askers:
    """Some who call without a pause; each call must be answered."""

    def __init__(self, api: GrpcUserApi) -> None:
        self._api = api
        self._over = False
        self.answers = 0

    async def __aenter__(self) -> Self:
        self._running = [asyncio.create_task(self._ask()) for _ in range(4)]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._over = True
        await asyncio.gather(*self._running)

    async def _ask(self) -> None:
        while not self._over:
            assert await self._api.authenticate("cookie") == ADA
            self.answers += 1

    async def ask_some(self) -> None:
        """Until some more calls were answered."""
        enough = self.answers + 50
        async with asyncio.timeout(5):
            while self.answers < enough:  # noqa: ASYNC110 - counting is the point
                await asyncio.sleep(0.01)


async def test_nobody_calls_a_process_that_says_that_it_goes_away() -> None:
    async with AsyncExitStack() as stack:
        users, servers, channel = await open_two(stack)
        askers = await stack.enter_async_context(Askers(GrpcUserApi(channel)))
        await servers[0].drain()
        async with asyncio.timeout(5):
            asked = -1
            while asked != len(users[0].asked):
                asked = len(users[0].asked)
                await askers.ask_some()


async def test_a_process_that_goes_away_in_good_order_costs_no_call() -> None:
    async with AsyncExitStack() as stack:
        users, servers, channel = await open_two(stack)
        askers = await stack.enter_async_context(Askers(GrpcUserApi(channel)))
        await askers.ask_some()
        await servers[0].close()
        await askers.ask_some()
        async with serving(users[0], grpc_settings(servers[0].port)):
            users[0].asked.clear()
            async with asyncio.timeout(BACK_WITHIN_S):
                while not users[0].asked:
                    await askers.ask_some()


async def test_a_process_that_ends_without_a_word_costs_no_call(start_peer: StartPeer) -> None:
    peers = [await start_peer(), await start_peer()]
    target = "ipv4:" + ",".join(f"{HOST}:{peer.port}" for peer in peers)
    async with channel_to(target) as channel:
        api = GrpcUserApi(channel)
        await asyncio.gather(*(api.authenticate("cookie") for _ in range(20)))
        calls = [asyncio.create_task(api.authenticate("cookie")) for _ in range(100)]
        await peers[0].kill()
        calls += [asyncio.create_task(api.authenticate("cookie")) for _ in range(100)]
        assert await asyncio.gather(*calls) == [ADA] * 200
