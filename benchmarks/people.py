"""People for a load: accounts, made over REST, and their partners, found over the match service."""

from __future__ import annotations

import asyncio
import http.client
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.cookies import SimpleCookie

from benchmarks.wire import Door, Socket

HANDS = 4
MATCH_S = 120.0
CONNECT_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Person:
    """An account and its session."""

    user_id: str
    cookie: str


@dataclass(frozen=True, slots=True)
class Partner:
    """A result of the match service."""

    person: Person
    channel_id: str
    token: str

    @property
    def door(self) -> Door:
        return Door("/api/chat?after=0", (("Sec-WebSocket-Protocol", f"randomchat.v1, {self.token}"),))


async def create_people(port: int, count: int) -> list[Person]:
    """Make accounts, over a few connections that are kept open."""
    shares = [count // HANDS + (hand < count % HANDS) for hand in range(HANDS)]
    with ThreadPoolExecutor(HANDS) as hands:
        loop = asyncio.get_running_loop()
        made = await asyncio.gather(*(loop.run_in_executor(hands, _create, port, share) for share in shares))
    return [person for share in made for person in share]


def _create(port: int, count: int) -> list[Person]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    people = []
    for number in range(count):
        connection.request("POST", "/api/user", json.dumps({"name": f"person {number}"}), {"Content-Type": "application/json"})
        response = connection.getresponse()
        body = response.read()
        if response.status != http.client.CREATED:
            raise RuntimeError(f"no account: {response.status} {body.decode()}")
        cookie = SimpleCookie(response.headers["Set-Cookie"])["sid"].value
        people.append(Person(json.loads(body)["id"], cookie))
    connection.close()
    return people


class Search:
    """One person's open question for a partner."""

    def __init__(self, person: Person) -> None:
        self._person = person
        self.door = Door("/api/match", (("Cookie", f"sid={person.cookie}"),))
        self.result: asyncio.Future[Partner] = asyncio.get_running_loop().create_future()

    def take(self, text: bytes) -> None:
        frame = json.loads(text)
        if frame["access_token"] and not self.result.done():
            self.result.set_result(Partner(self._person, frame["channel_id"], frame["access_token"]))


async def open_searches(port: int, people: list[Person]) -> list[tuple[Search, Socket]]:
    """A connection for each person. Nobody has asked yet: `upgrade()` asks."""
    searches = [Search(person) for person in people]
    sockets: list[Socket] = []
    for start in range(0, len(searches), CONNECT_AT_ONCE):
        some = searches[start : start + CONNECT_AT_ONCE]
        sockets += await asyncio.gather(*(Socket.connect(port, search.door, search.take) for search in some))
    return list(zip(searches, sockets, strict=True))


async def ask(searches: list[tuple[Search, Socket]]) -> list[Partner]:
    """Everybody asks as fast as possible; the answer is there when the last one has a partner."""
    for _, socket in searches:
        socket.upgrade()
    await asyncio.gather(*(socket.opened for _, socket in searches))
    results = asyncio.gather(*(search.result for search, _ in searches))
    return await asyncio.wait_for(results, MATCH_S)


async def pair_up(port: int, pairs: int) -> list[tuple[Partner, Partner]]:
    """So many pairs of new people."""
    homes: dict[str, list[Partner]] = {}
    for partner in await ask(await open_searches(port, await create_people(port, 2 * pairs))):
        homes.setdefault(partner.channel_id, []).append(partner)
    return [(members[0], members[1]) for members in homes.values()]
