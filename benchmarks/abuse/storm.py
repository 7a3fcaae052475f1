"""Everybody comes back at once: the server is killed under many open chats and started again."""

from __future__ import annotations

import asyncio
import json
import random
import statistics
from collections import Counter
from dataclasses import dataclass, field

from benchmarks.people import pair_up
from benchmarks.table import Row, figure
from benchmarks.wire import Door, Refused, Socket
from tests.reliability.server import ServerProcess

HEADER = ("clients", "ready after", "half back", "95 % back", "all back", "tries a client", "refusals after it was ready")
BASE_S, MOST_S = 0.5, 5.0
"""A try waits for a random part of 0.5 s, doubled with each failure up to this."""
SYNC = 4
PAIRS_AT_ONCE = 500


@dataclass
class Storm:
    """Times in seconds since the server answered again."""

    ready_s: float
    back_s: list[float]
    tries: int
    refused: Counter[str] = field(default_factory=Counter)

    def row(self) -> Row:
        parts = statistics.quantiles(self.back_s, n=20)
        refused = ", ".join(f"{count} {what}" for what, count in self.refused.items()) or "0"
        times = (figure(one) for one in (self.ready_s, statistics.median(self.back_s), parts[-1], max(self.back_s)))
        return (str(len(self.back_s)), *(f"{time} s" for time in times), figure(self.tries / len(self.back_s)), refused)


class Client:
    """One page: connects whenever it has no socket."""

    def __init__(self, port: int, door: Door, most_s: float) -> None:
        self.tries = 0
        self.refused: list[tuple[float, str]] = []
        self.synced = asyncio.Event()
        self.synced_at = 0.0
        self.socket: Socket | None = None
        self._port, self._door, self._most_s = port, door, most_s

    async def stay(self) -> None:
        failures = 0
        while True:
            await asyncio.sleep(random.uniform(0, min(self._most_s, BASE_S * 2**failures)))
            self.tries += 1
            try:
                await self._visit()
            except (OSError, Refused) as error:
                self.refused.append((_now(), str(error) if isinstance(error, Refused) else type(error).__name__))
            failures = 0 if self.synced.is_set() else failures + 1
            self.synced.clear()

    async def _visit(self) -> None:
        self.socket = await Socket.connect(self._port, self._door, self._take)
        self.socket.upgrade()
        await self.socket.opened
        await self.socket.closed

    def _take(self, text: bytes) -> None:
        if json.loads(text)["event"] == SYNC:
            self.synced.set()
            self.synced_at = _now()


async def storm(server: ServerProcess, clients: int, most_s: float = MOST_S) -> Storm:
    """The server must run, without limits. `most_s`: how long a client waits at most between two tries."""
    doors: list[Door] = []
    while len(doors) < clients:
        pairs = await pair_up(server.port, min(PAIRS_AT_ONCE, (clients - len(doors)) // 2))
        doors += [partner.door for pair in pairs for partner in pair]
    pages = [Client(server.port, door, most_s) for door in doors]
    stays = [asyncio.create_task(page.stay()) for page in pages]
    try:
        await _all_synced(pages)
        return await _strike(server, pages)
    finally:
        for stay in stays:
            stay.cancel()
        await asyncio.gather(*stays, return_exceptions=True)
        for page in pages:
            if page.socket is not None:
                page.socket.abort()


async def _strike(server: ServerProcess, pages: list[Client]) -> Storm:
    server.kill()
    while any(page.synced.is_set() for page in pages):  # noqa: ASYNC110 - many pages
        await asyncio.sleep(0.01)
    before = sum(page.tries for page in pages)
    struck_at = _now()
    server.start()
    await asyncio.to_thread(server.wait_until_ready)
    ready_at = _now()
    await _all_synced(pages)
    refused = Counter(what for page in pages for at, what in page.refused if at > ready_at)
    back_s = [max(0.0, page.synced_at - ready_at) for page in pages]
    return Storm(ready_at - struck_at, back_s, sum(page.tries for page in pages) - before, refused)


async def _all_synced(pages: list[Client]) -> None:
    await asyncio.wait_for(asyncio.gather(*(page.synced.wait() for page in pages)), 120)


def _now() -> float:
    return asyncio.get_running_loop().time()
