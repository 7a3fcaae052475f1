"""People who come in at processes of their choice, past nginx."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from cluster.services import ServiceProcess, Services
from tests.component.chat_server import Tab
from tests.component.uploader_site import PNG
from tests.e2e.stranger import Stranger
from tests.http_client import Answer, send
from tests.reliability.member import Member
from tests.reliability.ordeal import MeetPeople

TEXT, ACTION, FILE, ERROR = 0, 1, 3, 5
SIGN_S = 10.0


async def find_each_other(ada: Stranger, ben: Stranger, matchers: tuple[ServiceProcess, ServiceProcess]) -> None:
    """Both search, each at a match process."""
    await asyncio.gather(*(_search(person, matcher) for person, matcher in zip((ada, ben), matchers, strict=True)))


async def _search(person: Stranger, matcher: ServiceProcess) -> None:
    front, person.address = person.address, matcher.address
    await person.find_partner()
    person.address = front


def apart(services: Services) -> MeetPeople:
    """Pairs whose members search at different match processes, and then chat at different chat processes."""
    matchers, chats = services.processes["match"][:2], services.processes["chat"][:2]

    async def meet(address: str, pairs: int) -> list[tuple[Member, Member]]:
        people = [Stranger(address, f"person {number}") for number in range(2 * pairs)]
        await asyncio.gather(*(person.sign_up() for person in people))
        await asyncio.gather(*(_search(each, at) for each, at in zip(people, itertools.cycle(matchers), strict=False)))
        channels: dict[str, list[Stranger]] = {}
        for person in people:
            channels.setdefault(person.channel_id, []).append(person)
        return [(_member(them[0], chats[0]), _member(them[-1], chats[1])) for them in channels.values()]

    return meet


def _member(person: Stranger, chat: ServiceProcess) -> Member:
    return Member(chat.address, int(person.id), person.channel_id, person.token)


@dataclass
class Pair:
    """Two who talk; each at a chat process."""

    ada: Stranger
    ben: Stranger
    of_ada: Tab
    of_ben: Tab

    async def pass_words(self, words: str, most_s: float) -> float:
        """Ada says something, which must be acknowledged, and never refused; for how long it was on its way to Ben."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        await self.of_ada.send(TEXT, words, client_id=words)
        async with asyncio.timeout(most_s):
            answer = await next_of(self.of_ada, TEXT, ERROR)
            assert answer.get("ack"), answer
            while (await next_of(self.of_ben, TEXT))["payload"] != words:
                pass
        return loop.time() - began


@asynccontextmanager
async def pair(address: str, chat_of_ada: ServiceProcess, chat_of_ben: ServiceProcess) -> AsyncIterator[Pair]:
    """Two new people, who are both there, and know it; at the end both go. They chat past nginx."""
    ada, ben = Stranger(address, "Ada"), Stranger(address, "Ben")
    try:
        for person in (ada, ben):
            await person.sign_up()
        await asyncio.gather(ada.find_partner(), ben.find_partner())
        assert ada.channel_id == ben.channel_id
        ada.address, ben.address = chat_of_ada.address, chat_of_ben.address
        of_ada = await ada.open_chat(after="0")
        await of_ada.next_frame(ACTION, "waiting", user_id=ada.id)
        of_ben = await ben.open_chat(after="0")
        for tab in (of_ben, of_ada):  # after trouble it may take a moment until one process knows of the other one
            await until_action(tab, "joined", SIGN_S)
        yield Pair(ada, ben, of_ada, of_ben)
    finally:
        for person in (ada, ben):
            await person.go()


async def next_of(tab: Tab, *events: int) -> dict[str, Any]:
    """The next frame of one of these events, whenever it comes; others are skipped."""
    while True:
        frame: dict[str, Any] = json.loads(await tab.socket.recv())
        if frame["event"] in events:
            return frame


async def until_action(tab: Tab, what: str, most_s: float) -> float:
    """Wait for the news of somebody's presence; for how many seconds."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with asyncio.timeout(most_s):
        while (await next_of(tab, ACTION))["payload"] != what:
            pass
    return loop.time() - began


async def until_named(processes: list[ServiceProcess], check: str, word: str) -> None:
    """Wait until each process says of itself that it is not ready, and names what is away."""
    async with asyncio.timeout(SIGN_S):
        while True:
            states = await asyncio.gather(*(asyncio.to_thread(process.readiness) for process in processes))
            if all(word in state.get(check, "") for state in states):
                return
            await asyncio.sleep(0.1)


async def upload(address: str, person: Stranger) -> tuple[Answer, str]:
    """Ask for a place for a picture, and put it there; the first answer that is not good, or the last one, and the key."""
    query = f"ext=png&size={len(PNG)}&type=image/png"
    token = ("Authorization", f"Bearer {person.token}")
    place = await send(address, "GET", f"/api/uploader/upload/presigned?{query}", [token])
    if place.status != 200:
        return place, ""
    key, url = place.json()["object_key"], urlsplit(place.json()["url"])
    host, target = f"{url.scheme}://{url.netloc}", f"{url.path}?{url.query}"
    return await send(host, "PUT", target, [("Content-Type", "image/png")], PNG), key


async def send_file(two: Pair, key: str) -> dict[str, Any]:
    """Ada sends what she has uploaded; the answer to that, an acknowledgement or an error."""
    payload = json.dumps({"file_name": "picture.png", "object_key": key})
    await two.of_ada.send(FILE, payload, client_id="picture", retry=True)
    return await next_of(two.of_ada, FILE, ERROR)
