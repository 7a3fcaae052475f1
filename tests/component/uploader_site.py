"""The uploader behind the real edge, on a folder or a bucket of its own, and people who hold channel tokens."""

from __future__ import annotations

import contextlib
import json
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from randomchat.config import S3Settings, Settings
from randomchat.ids import ChannelId, UserId
from randomchat.infra.object_store import ObjectKey, ObjectStore
from randomchat.infra.object_store_local import LocalObjectStore
from randomchat.infra.object_store_s3 import S3ObjectStore
from randomchat.infra.rate_limiter_memory import MemoryRateLimiter
from randomchat.infra.s3 import S3
from randomchat.interfaces.chat import TokenHolder
from randomchat.uploader.app import build_uploader_app
from tests.buckets import contents, fresh_s3
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
    """Where the uploader listens, and what it stands on.

    `traces`: everything in the store, also what can't be seen from outside. `lose`: removes all of it.
    """

    port: int
    objects: ObjectStore
    chat: RecordingChatApi
    clock: FakeClock
    traces: Callable[[], Awaitable[list[str]]]
    lose: Callable[[], Awaitable[None]]

    async def ask(self, method: str, target: str, *headers: str, body: bytes = b"", token: str | None = None) -> Answer:
        """One request, exactly as it is given; `Content-Length` is added where no header says how long it is.

        `target`: a path here, or a whole address.
        """
        lines = [*headers, *([f"Authorization: Bearer {token}"] if token else [])]
        if method not in {"GET", "HEAD"} and not any(line.startswith(("Content-Length", "Transfer-Enc")) for line in lines):
            lines.append(f"Content-Length: {len(body)}")
        if target.startswith("/"):
            return await exchange(self.port, request(f"{method} {target} HTTP/1.1", *lines, body=body))
        elsewhere = urlsplit(target)
        head = request(f"{method} {elsewhere.path}?{elsewhere.query} HTTP/1.1", *lines).replace(
            b"localhost", elsewhere.netloc.encode(), 1
        )
        return await exchange(elsewhere.port or 80, head + body)

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


def json_of(answer: Answer) -> Any:
    return json.loads(answer.body)


def site_on(
    store: str, request: pytest.FixtureRequest, folder: Path, **settings: Any
) -> AbstractAsyncContextManager[UploaderSite]:
    """`store`: "folder" or "bucket"; `settings`: those of a process."""
    if store == "bucket":
        return site_on_bucket(request.getfixturevalue("s3_engine").settings, **settings)
    return site_on_folder(folder, **settings)


@contextlib.asynccontextmanager
async def site_on_folder(folder: Path, **settings: Any) -> AsyncIterator[UploaderSite]:
    objects = LocalObjectStore(folder, FakeClock(), keep_free_bytes=0)

    def files() -> list[Path]:
        return [file for file in folder.rglob("*") if file.is_file()]

    async def traces() -> list[str]:
        return [file.relative_to(folder).as_posix() for file in files()]

    async def lose() -> None:
        for file in files():
            file.unlink()

    async with _site(objects, None, traces, lose, settings) as site:
        yield site
    await objects.close()


@contextlib.asynccontextmanager
async def site_on_bucket(engine: S3Settings, **settings: Any) -> AsyncIterator[UploaderSite]:
    async with fresh_s3(engine) as s3:

        async def traces() -> list[str]:
            return await contents(s3)

        async def lose() -> None:
            for name in await contents(s3):
                await s3.call("delete_object", Key=name)

        async with _site(S3ObjectStore(s3), s3, traces, lose, settings) as site:
            yield site


@contextlib.asynccontextmanager
async def _site(
    objects: ObjectStore,
    s3: S3 | None,
    traces: Callable[[], Awaitable[list[str]]],
    lose: Callable[[], Awaitable[None]],
    settings: dict[str, Any],
) -> AsyncIterator[UploaderSite]:
    clock, chat = FakeClock(), RecordingChatApi()
    people = ((ANNA, CHANNEL, 1), (BEN, CHANNEL, 2), (EVE, OTHER_CHANNEL, 3))
    chat.holders = {token: TokenHolder(ChannelId(channel), UserId(user)) for token, channel, user in people}
    app = build_uploader_app(objects, chat, b"s" * 32, clock, Settings(**settings), limiter=MemoryRateLimiter(clock), s3=s3)
    async with edge(app, **settings) as (port, _):
        yield UploaderSite(port, objects, chat, clock, traces, lose)
