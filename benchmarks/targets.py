"""What is measured: randomchat, and beside it the bare relay on the same stack."""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from benchmarks.people import CONNECT_AT_ONCE, pair_up
from benchmarks.wire import Door, Socket
from tests.reliability.server import ServerProcess, free_port, randomchat_server, running

SYNC = 4
JOIN_S = 60.0
Pair = tuple[Socket, Socket]


class Target(Protocol):
    """A server that runs, and how pairs of sockets get into it."""

    name: str
    server: ServerProcess

    async def doors(self, pairs: int) -> list[tuple[Door, Door]]:
        """Where the members of so many new pairs go in."""
        ...

    async def connect(self, doors: list[tuple[Door, Door]]) -> list[Pair]:
        """Their sockets, all ready to talk."""
        ...


class EchoTarget:
    """The bare relay."""

    name = "bare relay"

    def __init__(self, server: ServerProcess) -> None:
        self.server = server
        self._numbers = itertools.count()

    async def doors(self, pairs: int) -> list[tuple[Door, Door]]:
        return [(door, door) for door in (Door(f"/pair/{next(self._numbers)}") for _ in range(pairs))]

    async def connect(self, doors: list[tuple[Door, Door]]) -> list[Pair]:
        ports = (self.server.port, self.server.port)
        return _in_pairs([socket for socket, _ in await _open_all(ports, doors)])


class RandomchatTarget:
    """The product, in one process."""

    name = "randomchat"

    def __init__(self, server: ServerProcess) -> None:
        self.server = server

    async def doors(self, pairs: int) -> list[tuple[Door, Door]]:
        return [(one.door, other.door) for one, other in await pair_up(self.server.port, pairs)]

    async def connect(self, doors: list[tuple[Door, Door]]) -> list[Pair]:
        return await open_chats((self.server.port, self.server.port), doors)


class _Entry:
    """Waits for the end of the replay on one socket."""

    def __init__(self) -> None:
        self.synced = asyncio.Event()

    def take(self, text: bytes) -> None:
        if json.loads(text)["event"] == SYNC:
            self.synced.set()


async def open_chats(ports: tuple[int, int], doors: list[tuple[Door, Door]]) -> list[Pair]:
    """Chat sockets that are through with their replay; each member of a pair goes in at a port of its own."""
    opened = await _open_all(ports, doors)
    await asyncio.wait_for(asyncio.gather(*(entry.synced.wait() for _, entry in opened)), JOIN_S)
    return _in_pairs([socket for socket, _ in opened])


async def _open_all(ports: tuple[int, int], doors: list[tuple[Door, Door]]) -> list[tuple[Socket, _Entry]]:
    flat = [at for pair in doors for at in zip(ports, pair, strict=True)]
    opened = []
    for start in range(0, len(flat), CONNECT_AT_ONCE):
        opened += await asyncio.gather(*(_open(*at) for at in flat[start : start + CONNECT_AT_ONCE]))
    return opened


async def _open(port: int, door: Door) -> tuple[Socket, _Entry]:
    entry = _Entry()
    socket = await Socket.connect(port, door, entry.take)
    socket.upgrade()
    await socket.opened
    return socket, entry


def _in_pairs(sockets: list[Socket]) -> list[Pair]:
    return list(zip(sockets[::2], sockets[1::2], strict=True))


async def close_all(pairs: list[Pair]) -> None:
    """Say goodbye on every socket, and wait until the server has answered."""
    sockets = [socket for pair in pairs for socket in pair]
    for socket in sockets:
        socket.close()
    await asyncio.wait_for(asyncio.gather(*(socket.closed for socket in sockets)), JOIN_S)


@contextmanager
def running_randomchat() -> Iterator[RandomchatTarget]:
    with TemporaryDirectory() as folder, running(randomchat_server(Path(folder))) as server:
        yield RandomchatTarget(server)


@contextmanager
def running_echo() -> Iterator[EchoTarget]:
    port = free_port()
    with TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "benchmarks.echo", "--port", str(port)]
        with running(ServerProcess(command, port, Path(folder))) as server:
            yield EchoTarget(server)


@contextmanager
def running_targets() -> Iterator[list[Target]]:
    """Both, at the same time: they are loaded in turn."""
    with ExitStack() as stack:
        yield [stack.enter_context(running_echo()), stack.enter_context(running_randomchat())]
