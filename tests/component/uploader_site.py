"""The uploader behind the real edge, on a folder of its own, and people who hold channel tokens."""

from __future__ import annotations

import contextlib
import json
from base64 import b64encode
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from randomchat.config import Settings
from randomchat.ids import ChannelId, UserId
from randomchat.infra.object_store import ObjectKey
from randomchat.infra.object_store_local import LocalObjectStore
from randomchat.interfaces.chat import TokenHolder
from randomchat.uploader.app import build_uploader_app
from tests.component.edge_server import Answer, edge, exchange, request
from tests.fakes import FakeClock, RecordingChatApi

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
CHANNEL, OTHER_CHANNEL = 7, 8
ANNA, BEN, EVE = "anna", "ben", "eve"
"""Tokens: Anna and Ben are in one channel, Eve is in another one."""


def base64_of(key: str) -> str:
    return b64encode(key.encode()).decode()


@dataclass
class UploaderSite:
    """Where the uploader listens, and what it stands on."""

    port: int
    folder: Path
    objects: LocalObjectStore
    chat: RecordingChatApi
    clock: FakeClock

    async def ask(self, method: str, target: str, *headers: str, body: bytes = b"", token: str | None = None) -> Answer:
        """One request, exactly as it is given; `Content-Length` is added where no header says how long it is."""
        lines = [*headers, *([f"Authorization: Bearer {token}"] if token else [])]
        if method not in {"GET", "HEAD"} and not any(line.startswith(("Content-Length", "Transfer-Enc")) for line in lines):
            lines.append(f"Content-Length: {len(body)}")
        return await exchange(self.port, request(f"{method} {target} HTTP/1.1", *lines, body=body))

    async def presign(self, query: str = "ext=png", token: str = ANNA) -> tuple[str, str]:
        """A new key and its link."""
        answer = await self.ask("GET", f"/api/uploader/upload/presigned?{query}", token=token)
        assert answer.status == 200, answer
        found = json_of(answer)
        assert found.keys() == {"object_key", "url"}
        return found["object_key"], found["url"]

    async def upload(self, body: bytes = PNG, ext: str = "png") -> str:
        """The key of an uploaded file."""
        key, url = await self.presign(f"ext={ext}")
        answer = await self.ask("PUT", url, body=body)
        assert answer.status == 200, answer
        return key

    async def send(self, key: str) -> None:
        """What a file frame does with the bytes of a key."""
        parsed = ObjectKey.parse(key)
        assert parsed is not None
        await self.objects.promote(parsed, lambda _, __: None)

    async def link(self, key: str, *, token: str = ANNA, more: str = "") -> str:
        answer = await self.ask("GET", f"/api/uploader/download/presigned?okb64={base64_of(key)}{more}", token=token)
        assert answer.status == 200, answer
        return str(json_of(answer)["url"])

    async def download(self, key: str) -> bytes:
        answer = await self.ask("GET", await self.link(key))
        assert answer.status == 200, answer
        return answer.body

    async def is_stored(self, key: str) -> bool:
        answer = await self.ask("GET", f"/api/uploader/download/presigned?okb64={base64_of(key)}", token=ANNA)
        assert answer.status in {200, 404}
        return answer.status == 200

    def files(self) -> list[Path]:
        """Everything in the folder, also what can't be seen from outside."""
        return [file for file in self.folder.rglob("*") if file.is_file()]


def json_of(answer: Answer) -> Any:
    return json.loads(answer.body)


@contextlib.asynccontextmanager
async def uploader_site(folder: Path, **settings: Any) -> AsyncIterator[UploaderSite]:
    """`settings`: those of a process."""
    clock, chat = FakeClock(), RecordingChatApi()
    people = ((ANNA, CHANNEL, 1), (BEN, CHANNEL, 2), (EVE, OTHER_CHANNEL, 3))
    chat.holders = {token: TokenHolder(ChannelId(channel), UserId(user)) for token, channel, user in people}
    objects = LocalObjectStore(folder, clock, keep_free_bytes=0)
    app = build_uploader_app(objects, chat, b"s" * 32, clock, Settings(**settings))
    async with edge(app, **settings) as (port, _):
        yield UploaderSite(port, folder, objects, chat, clock)
    await objects.close()
