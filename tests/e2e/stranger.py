"""A person with a browser, as far as a running server can tell."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from websockets.asyncio.client import connect

from tests.component.chat_server import Person, Tab
from tests.http_client import Answer, send

PATIENCE_S = 30.0
JSON = ("Content-Type", "application/json")


@dataclass
class Stranger:
    """Signs up, looks for a partner, and talks. `secrets`: whatever must never be written anywhere."""

    address: str
    name: str
    id: str = ""
    cookie: str = ""
    token: str = ""
    channel_id: str = ""
    secrets: list[str] = field(default_factory=list)
    tabs: list[Tab] = field(default_factory=list)

    async def sign_up(self) -> None:
        answer = await send(self.address, "POST", "/api/user", [JSON], json.dumps({"name": self.name}).encode())
        assert answer.status == 201, answer.body
        self.id, self.cookie = answer.json()["id"], answer.cookies["sid"].value
        self.secrets.append(self.cookie)

    async def ask(self, method: str, path: str) -> Answer:
        """A request with the cookie, and the channel token if there is one."""
        headers = [("Cookie", f"sid={self.cookie}"), *([("Authorization", f"Bearer {self.token}")] if self.token else [])]
        return await send(self.address, method, path, headers)

    async def find_partner(self, query: str = "") -> None:
        """Search until matched. `query`: of the search, with its question mark."""
        async with asyncio.timeout(PATIENCE_S):
            async with self._connect(f"/api/match{query}", cookie=True) as search:
                async for text in search:
                    result = json.loads(text)
                    if result["access_token"]:
                        self.token, self.channel_id = result["access_token"], result["channel_id"]
        assert search.close_code == 1000
        self.secrets.append(self.token)

    async def open_chat(self, after: str | None = None, *, by_subprotocol: bool = False) -> Tab:
        if by_subprotocol:
            socket = await self._connect(f"/api/chat{'' if after is None else f'?after={after}'}", "randomchat.v1", self.token)
        else:
            query = {"uid": self.id, "access_token": self.token} | ({} if after is None else {"after": after})
            socket = await self._connect(f"/api/chat?{urlencode(query)}")
        self.tabs.append(Tab(Person(self.id, self.token), socket))
        return self.tabs[-1]

    async def go(self) -> None:
        """Leave no connection open."""
        for tab in self.tabs:
            tab.cut()
            await tab.socket.wait_closed()

    async def history(self) -> list[dict[str, Any]]:
        answer = await self.ask("GET", "/api/chat/channel/messages")
        assert answer.status == 200, answer.body
        return list(answer.json()["messages"])

    def _connect(self, path: str, *subprotocols: str, cookie: bool = False) -> connect:
        return connect(
            f"{self.address.replace('http', 'ws', 1)}{path}",
            additional_headers={"Cookie": f"sid={self.cookie}"} if cookie else {},
            subprotocols=list(subprotocols) or None,  # type: ignore[arg-type]
            compression=None,
            proxy=None,
        )
