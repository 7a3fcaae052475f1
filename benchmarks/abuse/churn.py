"""People who come, talk, send a file and go, again and again: memory must stay what it is."""

from __future__ import annotations

import asyncio
import http.client
import json
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from benchmarks.people import HANDS, Partner, Person, ask, create_people, open_searches
from benchmarks.wire import Socket

HEADER = ("round", "people", "messages", "memory")
MESSAGES = 5
TEXT, SYNC = 0, 4
FILE = b"\x89PNG\r\n\x1a\n" + bytes(20_000)


@dataclass(frozen=True)
class Round:
    """What has happened until now, and what the server weighs."""

    number: int
    people: int
    messages: int
    rss_bytes: int


class Talk:
    """One socket of a chat, which says some things and counts what comes back."""

    def __init__(self) -> None:
        self.synced = asyncio.Event()
        self.heard_all = asyncio.Event()
        self._heard = 0

    def take(self, text: bytes) -> None:
        frame = json.loads(text)
        if frame["event"] == SYNC:
            self.synced.set()
        self._heard += frame["event"] == TEXT
        if self._heard == 2 * MESSAGES:
            self.heard_all.set()


class Weighed(Protocol):
    """A server that listens here, and what it weighs."""

    port: int

    def rss_bytes(self) -> int: ...


async def churn(server: Weighed, people: int) -> AsyncIterator[Round]:
    """The same people, paired anew each round, for as many rounds as are asked for."""
    crowd = await create_people(server.port, people)
    messages = number = 0
    while True:
        partners = await ask(await open_searches(server.port, crowd))
        await asyncio.gather(*(_talk(server.port, partner) for partner in partners))
        await _share_and_leave(server.port, partners)
        await _knock(server.port, crowd)
        number, messages = number + 1, messages + MESSAGES * people
        yield Round(number, people * number, messages, server.rss_bytes())


async def _talk(port: int, partner: Partner) -> None:
    """Some leave in good order, others are just gone."""
    talk = Talk()
    socket = await Socket.connect(port, partner.door, talk.take)
    socket.upgrade()
    await socket.opened
    await talk.synced.wait()
    for number in range(MESSAGES):
        words = {"event": TEXT, "payload": "x" * 200, "client_id": f"{partner.person.user_id}-{number}"}
        socket.send_text(json.dumps(words).encode())
    await asyncio.wait_for(talk.heard_all.wait(), 60)
    if int(partner.person.user_id) % 2:
        socket.close()
        await socket.closed
    else:
        socket.abort()


async def _share_and_leave(port: int, partners: list[Partner]) -> None:
    with ThreadPoolExecutor(HANDS) as hands:
        loop = asyncio.get_running_loop()
        await asyncio.gather(*(loop.run_in_executor(hands, _share_and_end, port, partner) for partner in partners))


def _share_and_end(port: int, partner: Partner) -> None:
    """The one who is second finds the conversation over: 401."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Authorization": f"Bearer {partner.token}"}
    connection.request("GET", "/api/uploader/upload/presigned?ext=png", headers=headers)
    answer = connection.getresponse()
    link = json.loads(answer.read())
    for method, target, body in (("PUT", link.get("url"), FILE), ("GET", "/api/chat/channel/messages", None)):
        if target is not None:
            connection.request(method, target, body, headers)
            connection.getresponse().read()
    connection.request("DELETE", "/api/chat/channel", headers=headers)
    connection.getresponse().read()
    connection.close()


async def _knock(port: int, crowd: list[Person]) -> None:
    """Connections that come to nothing: half a request, half an upgrade, nothing at all."""
    for number, person in enumerate(crowd):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            (b"", b"GET / HTTP/1.1\r\nHost: local", f"GET /api/match HTTP/1.1\r\nCookie: sid={person.cookie}".encode())[
                number % 3
            ]
        )
        writer.close()
