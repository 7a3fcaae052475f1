"""Some sockets send as fast as they can; how long do the words of others take meanwhile?"""

from __future__ import annotations

import asyncio
import json
import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context

from benchmarks.people import Partner, pair_up
from benchmarks.table import Row, figure
from benchmarks.wire import Socket
from tests.component.edge_server import frame, upgrade
from tests.reliability.server import ServerProcess

HEADER = ("flood", "sockets", "median before", "median meanwhile", "99 % meanwhile", "CPU a second")
TEXT = 0
PING, PONG = 9, 10
FLOODS = {
    "messages": frame(b'{"event":0,"payload":"x"}'),
    "beats": frame(b'{"event":6,"payload":""}'),
    "typing": frame(b'{"event":1,"payload":"istyping"}'),
    "nonsense": frame(b"{"),
    "pings": frame(b"", PING),
    "pongs": frame(b"", PONG),
}


class Voice:
    """Says one thing after the other, and knows how long each took to come back."""

    def __init__(self, partner: Partner) -> None:
        self.times_s: list[float] = []
        self._partner = partner
        self._answered = asyncio.Event()
        self._number = 0

    def _take(self, text: bytes) -> None:
        if json.loads(text).get("ack"):
            self._answered.set()

    async def speak(self, port: int, every_s: float) -> None:
        socket = await Socket.connect(port, self._partner.door, self._take)
        socket.upgrade()
        await socket.opened
        loop = asyncio.get_running_loop()
        while True:
            self._answered.clear()
            self._number += 1
            began_s = loop.time()
            socket.send_text(json.dumps({"event": TEXT, "payload": "x", "client_id": str(self._number)}).encode())
            await self._answered.wait()
            self.times_s.append(loop.time() - began_s)
            await asyncio.sleep(every_s)

    def take_times(self) -> list[float]:
        taken, self.times_s = self.times_s, []
        return taken


async def flood(server: ServerProcess, kind: str, sockets: int, seconds: float) -> Row:
    """The server must run with its limits on, and with enough accounts an hour."""
    (partner, _), *others = await pair_up(server.port, 1 + sockets // 2)
    voice = Voice(partner)
    speaking = asyncio.create_task(voice.speak(server.port, 0.05))
    await asyncio.sleep(seconds)
    before = voice.take_times()
    with _flooding(server.port, kind, [one for pair in others for one in pair]):
        await asyncio.sleep(2)
        voice.take_times()
        cpu_before = server.cpu_seconds()
        await asyncio.sleep(seconds)
        meanwhile, cpu_s = voice.take_times(), server.cpu_seconds() - cpu_before
    speaking.cancel()
    times = (statistics.median(before), statistics.median(meanwhile), statistics.quantiles(meanwhile, n=100)[-1])
    return (kind, str(2 * len(others)), *(f"{figure(one * 1000)} ms" for one in times), figure(cpu_s / seconds))


@contextmanager
def _flooding(port: int, kind: str, partners: list[Partner]) -> Iterator[None]:
    """In a process of its own: the voice must not wait for it."""
    process = get_context("spawn").Process(target=_flood_all, args=(port, kind, partners), daemon=True)
    process.start()
    try:
        yield
    finally:
        process.kill()
        process.join()


def _flood_all(port: int, kind: str, partners: list[Partner]) -> None:
    async def run() -> None:
        await asyncio.gather(*(_flood(port, kind, partner) for partner in partners))

    asyncio.run(run())


async def _flood(port: int, kind: str, partner: Partner) -> None:
    """Send until told to stop, and read nothing; whoever is cut off comes back."""
    (_, protocols) = partner.door.headers[0]
    while True:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(upgrade(partner.door.path, f"Sec-WebSocket-Protocol: {protocols}"))
            while True:
                writer.write(FLOODS[kind] * 500)
                await writer.drain()
        except ConnectionError:
            continue
        finally:
            writer.transport.abort()
