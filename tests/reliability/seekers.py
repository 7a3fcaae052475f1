"""People who come, search, meet, part and go, one pair after the other, whatever happens meanwhile."""

from __future__ import annotations

import asyncio
import http.client
import json
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.typing import Subprotocol

from tests.http_client import Answer, send
from tests.reliability.searches import Search

NO_SERVER = (OSError, InvalidHandshake, ConnectionClosed, EOFError, TimeoutError)
PAUSE_S = (0.1, 1.0)
ASK_S = 12.0
"""For how long a silent search socket is listened to; one that waits is told so every 5 s."""
PARTNER_S = 45.0
PARTING_S = 15.0
OVER = 4503
ACTION = 1


class Crowd:
    """`searches` grows with each new person. Nobody gives up before `end`."""

    def __init__(self, address: str, rng: random.Random, size: int = 4) -> None:
        self.searches: list[Search] = []
        self.complaints: list[str] = []
        self._address, self._random = address, rng
        self._tokens: dict[int, str] = {}
        self._met: dict[str, set[int]] = {}
        self._ending = False
        self._tasks = [asyncio.create_task(self._live_again_and_again()) for _ in range(size)]

    async def end(self, most_s: float) -> None:
        """No new people come, but for one who keeps the last one company; all get their answer. Then two more meet."""
        self._ending = True
        with suppress(TimeoutError):
            async with asyncio.timeout(most_s):
                while any(not task.done() for task in self._tasks):
                    if self._alone():
                        self._tasks.append(asyncio.create_task(self._live()))
                    await asyncio.wait(self._tasks, timeout=5)
                await asyncio.gather(self._live(), self._live())
        await self.close()
        if {search.channel_id for search in self.searches[-2:]} != {self.searches[-1].channel_id}:
            self.complaints.append(f"the last two people did not meet: {self.searches[-2:]}")
        await self._see_what_is_over()

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        outcomes = await asyncio.gather(*self._tasks, return_exceptions=True)
        self.complaints += [repr(each) for each in outcomes if isinstance(each, Exception)]
        self._tasks = []

    def _alone(self) -> bool:
        return sum(not search.answers for search in self.searches) % 2 == 1

    # ---------------------------------------------------------------- a life
    async def _live_again_and_again(self) -> None:
        while not self._ending:
            await self._live()
            await asyncio.sleep(self._random.uniform(*PAUSE_S))

    async def _live(self) -> None:
        signed_up = await self._until_answered(self._sign_up, {201})
        search = Search(int(signed_up.json()["id"]))
        self.searches.append(search)
        cookie = f"sid={signed_up.cookies['sid'].value}"
        tabs = self._random.choice((1, 1, 2))
        await asyncio.gather(*(self._search(search, cookie) for _ in range(tabs)))
        self._met.setdefault(search.channel_id, set()).add(search.user_id)
        with suppress(TimeoutError):
            async with asyncio.timeout(PARTNER_S):
                while len(self._met[search.channel_id]) < 2:  # noqa: ASYNC110 - the other one is a person like this one
                    await asyncio.sleep(0.1)
        await self._part(search)

    def _sign_up(self) -> Awaitable[Answer]:
        return send(self._address, "POST", "/api/user", [("Content-Type", "application/json")], b'{"name": "seeker"}')

    async def _search(self, search: Search, cookie: str) -> None:
        """One tab, which asks again whenever its line breaks or falls silent."""
        while True:
            with suppress(*NO_SERVER):
                channel_id, token = await self._ask(cookie)
                search.answers.append((channel_id, asyncio.get_running_loop().time()))
                self._tokens.setdefault(search.user_id, token)
                return
            await asyncio.sleep(self._random.uniform(*PAUSE_S))

    async def _ask(self, cookie: str) -> tuple[str, str]:
        url = f"{self._address.replace('http', 'ws', 1)}/api/match"
        async with connect(url, additional_headers={"Cookie": cookie}, proxy=None, close_timeout=1, open_timeout=ASK_S) as socket:
            while True:
                async with asyncio.timeout(ASK_S):
                    frame = json.loads(await socket.recv())
                if frame["access_token"] and frame["channel_id"]:
                    return frame["channel_id"], frame["access_token"]

    # ---------------------------------------------------------------- parting
    async def _part(self, search: Search) -> None:
        """The one with the larger id leaves; the other one hears of it."""
        answer = await self._until_answered(lambda: self._ask_chat(search, "GET", "users"), {200, 401})
        if answer.status == 401:  # the other one was quicker
            return
        search.members = {int(user_id) for user_id in answer.json()["user_ids"]}
        if search.user_id == max(self._met[search.channel_id]):
            left = await self._until_answered(lambda: self._ask_chat(search, "DELETE", "channel"), {204, 401, 409})
            search.told_over = search.told_over or left.status == 204
        else:
            await self._hear_of_the_end(search)

    async def _hear_of_the_end(self, search: Search) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(PARTING_S):
                while not search.told_over:
                    with suppress(*NO_SERVER):
                        await self._listen(search)
                    await asyncio.sleep(self._random.uniform(*PAUSE_S))

    async def _listen(self, search: Search) -> None:
        protocols = [Subprotocol("randomchat.v1"), Subprotocol(self._tokens[search.user_id])]
        url = f"{self._address.replace('http', 'ws', 1)}/api/chat"
        async with connect(url, subprotocols=protocols, proxy=None, close_timeout=1) as socket:
            async for text in socket:
                frame = json.loads(text)
                search.told_over = search.told_over or (frame["event"], frame["payload"]) == (ACTION, "leaved")
        search.told_over = search.told_over or socket.close_code == OVER

    async def _see_what_is_over(self) -> None:
        for search in self.searches:
            if search.told_over:
                answer = await self._until_answered(lambda s=search: self._ask_chat(s, "GET", "users"), {200, 401})  # type: ignore[misc]
                search.over = answer.status == 401

    def _ask_chat(self, search: Search, method: str, what: str) -> Awaitable[Answer]:
        token = self._tokens[search.user_id]
        return send(self._address, method, f"/api/chat/{what}", [("Authorization", f"Bearer {token}")])

    async def _until_answered(self, ask: Callable[[], Awaitable[Answer]], expected: set[int]) -> Answer:
        """Ask until the answer is one of these; 429 and 503 say to ask again, and anything else is a complaint."""
        while True:
            with suppress(OSError, http.client.HTTPException):
                answer = await ask()
                if answer.status in expected:
                    return answer
                if answer.status not in {429, 502, 503, 504}:
                    self.complaints.append(f"{answer.status} {answer.body!r}, not one of {expected}")
                    return answer
            await asyncio.sleep(self._random.uniform(*PAUSE_S))
