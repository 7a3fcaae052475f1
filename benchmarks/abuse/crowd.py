"""As many silent chats as open files allow."""

from __future__ import annotations

import asyncio

from benchmarks.people import pair_up
from benchmarks.table import Row, figure
from benchmarks.targets import Pair, close_all, open_chats
from benchmarks.wire import Door
from tests.reliability.server import ServerProcess

HEADER = ("connections", "memory", "KB a connection", "CPU of a minute")
PAIRS_AT_ONCE = 500
STILL_S = 20.0


async def crowd(server: ServerProcess, connections: int, still_s: float = STILL_S) -> Row:
    """The server must run, without limits; it is started anew before the sockets come."""
    doors: list[tuple[Door, Door]] = []
    while len(doors) < connections // 2:
        pairs = await pair_up(server.port, min(PAIRS_AT_ONCE, connections // 2 - len(doors)))
        doors += [(one.door, other.door) for one, other in pairs]
    await asyncio.to_thread(server.restart)
    before = server.rss_bytes()
    ports = (server.port, server.port)
    chats: list[Pair] = []
    for start in range(0, len(doors), PAIRS_AT_ONCE):
        chats += await open_chats(ports, doors[start : start + PAIRS_AT_ONCE])
    await asyncio.sleep(still_s)
    cpu_before = server.cpu_seconds()
    await asyncio.sleep(still_s)
    cpu_s = server.cpu_seconds() - cpu_before
    rss = server.rss_bytes()
    await close_all(chats)
    sockets = 2 * len(chats)
    return (
        str(sockets),
        f"{figure(rss / 2**20)} MiB",
        figure((rss - before) / 1024 / sockets),
        f"{figure(cpu_s * 60 / still_s)} s",
    )
