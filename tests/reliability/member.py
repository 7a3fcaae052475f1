"""A member's rights in a channel, and what can be asked with them over REST."""

from __future__ import annotations

import asyncio
import itertools
import json
from dataclasses import dataclass

from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.http_client import send
from tests.reliability.history import StoredMessage, stored_message

MATCH_S = 30.0


@dataclass(frozen=True)
class Member:
    """Who, where, and with which token."""

    address: str
    user_id: int
    channel_id: str
    token: str

    @property
    def socket_url(self) -> str:
        return f"{self.address.replace('http', 'ws', 1)}/api/chat"

    async def read_online(self) -> set[int]:
        """Who has a live socket. Raises `OSError` where the server does not answer as it should."""
        answer = await send(self.address, "GET", "/api/chat/users/online", [("Authorization", f"Bearer {self.token}")])
        if answer.status != 200:
            raise OSError(f"online: {answer.status} {answer.body!r}")
        return {int(user_id) for user_id in answer.json()["user_ids"]}

    async def read_history(self, limit: int | None = None) -> list[StoredMessage]:
        """The whole conversation, oldest first, page by page. Raises `OSError` where the server does not answer as it should."""
        messages: list[StoredMessage] = []
        ps: str | None = ""
        while ps is not None:
            query = f"?ps={ps}" if limit is None else f"?ps={ps}&limit={limit}"
            answer = await send(
                self.address, "GET", f"/api/chat/channel/messages{query}", [("Authorization", f"Bearer {self.token}")]
            )
            if answer.status != 200:
                raise OSError(f"history: {answer.status} {answer.body!r}")
            page = answer.json()
            messages += [stored_message(frame) for frame in page["messages"]]
            ps = page["next_ps"] or None
        assert all(one.message_id > two.message_id for one, two in itertools.pairwise(messages)), "not newest first"
        return messages[::-1]


async def meet(address: str, pairs: int) -> list[tuple[Member, Member]]:
    """New people, all of whom look for a partner at the same time; their channels."""
    members = await asyncio.gather(*(_find_partner(address, number) for number in range(2 * pairs)))
    channels: dict[str, list[Member]] = {}
    for member in members:
        channels.setdefault(member.channel_id, []).append(member)
    return [(them[0], them[-1]) for them in channels.values()]


async def _find_partner(address: str, number: int) -> Member:
    answer = await send(address, "POST", "/api/user", [("Content-Type", "application/json")], b'{"name": "person %d"}' % number)
    assert answer.status == 201, answer.body
    cookie = f"sid={answer.cookies['sid'].value}"
    async with asyncio.timeout(MATCH_S):
        while True:
            try:
                channel_id, token = await _search(f"{address.replace('http', 'ws', 1)}/api/match", cookie)
            except InvalidStatus as refusal:
                if refusal.response.status_code != 503:
                    raise
            else:
                return Member(address, int(answer.json()["id"]), channel_id, token)
            await asyncio.sleep(0.2)


async def _search(url: str, cookie: str) -> tuple[str, str]:
    """Channel and token. Raises `InvalidStatus` where the search is refused."""
    async with connect(url, additional_headers={"Cookie": cookie}, proxy=None) as socket:
        async for text in socket:
            frame = json.loads(text)
            if frame["access_token"]:
                return frame["channel_id"], frame["access_token"]
    raise OSError("the match socket was closed without a result")
