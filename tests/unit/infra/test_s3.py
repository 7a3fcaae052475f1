"""The connection to a bucket: a store that is away, hangs, refuses, or comes late."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest

from cluster.engines.seaweedfs import SeaweedEngine
from randomchat.config import RetentionSettings, S3Settings
from randomchat.errors import NotFound, Unavailable
from randomchat.ids import ChannelId
from randomchat.infra.admin import Readiness
from randomchat.infra.object_store import ObjectKey
from randomchat.infra.object_store_s3 import S3ObjectStore
from randomchat.infra.s3 import S3, Contested
from randomchat.infra.s3_bucket import migrate_bucket
from tests.buckets import fresh_s3, own_bucket, remove_bucket, until_away, until_well

BACK_WITHIN_S = 10.0
TIMEOUT_S = 1.0


class Gate:
    """A port that leads to the store, or nowhere, or to a silence that never ends."""

    def __init__(self, store: str) -> None:
        parts = urlsplit(store)
        self._store = (parts.hostname, parts.port)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0
        self.silent = False

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._take, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        there, back = await asyncio.open_connection(*self._store)
        try:
            await asyncio.gather(self._carry(reader, back), self._carry(there, writer))
        except OSError:
            pass
        finally:
            back.close()
            writer.close()

    async def _carry(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            if self.silent:
                await asyncio.Event().wait()
            target.write(data)
            await target.drain()
        target.close()


@pytest.fixture
async def settings(s3_engine: SeaweedEngine) -> AsyncIterator[S3Settings]:
    """A bucket that is there."""
    settings = own_bucket(s3_engine.settings)
    await migrate_bucket(settings, [], RetentionSettings())
    yield settings
    await remove_bucket(settings)


@pytest.fixture
async def gate(settings: S3Settings) -> AsyncIterator[Gate]:
    gate = Gate(settings.endpoint)
    await gate.open()
    yield gate
    await gate.close()


@pytest.fixture
async def s3(settings: S3Settings, gate: Gate) -> AsyncIterator[S3]:
    """Through the gate."""
    async with started(settings.model_copy(update={"endpoint": gate.address, "timeout_s": TIMEOUT_S})) as s3:
        yield s3


@asynccontextmanager
async def started(settings: S3Settings) -> AsyncIterator[S3]:
    s3 = S3(settings)
    await s3.start()
    try:
        yield s3
    finally:
        await s3.close()


async def seconds_of(refused: Awaitable[object]) -> float:
    """How long it takes until a call says that the store is away."""
    began = time.monotonic()
    with pytest.raises(Unavailable):
        await refused
    return time.monotonic() - began


async def test_a_store_that_is_away_at_the_start_is_named_and_used_once_it_is_there(s3: S3, gate: Gate) -> None:
    await gate.close()
    assert await seconds_of(s3.call("head_object", Key="x")) < TIMEOUT_S
    async with asyncio.timeout(5):
        while True:
            with pytest.raises(Unavailable) as trouble:
                await s3.check()
            if trouble.value.message == f"S3 does not answer at {gate.address}":
                break
            await asyncio.sleep(0.05)
    await gate.open()
    await until_well(s3, BACK_WITHIN_S)
    await s3.check()
    await s3.call("put_object", Key="x", Body=b"x")


async def test_a_store_that_goes_away_is_noticed_by_the_first_call_and_found_again(s3: S3, gate: Gate) -> None:
    await until_well(s3, BACK_WITHIN_S)
    await gate.close()
    assert await seconds_of(s3.call("head_object", Key="x")) < TIMEOUT_S + 0.5
    await until_away(s3, 5)
    assert await seconds_of(s3.call("head_object", Key="x")) < 0.1
    assert await seconds_of(s3.sign("get_object", ttl_s=9, Key="x")) < 0.1
    await gate.open()
    await until_well(s3, BACK_WITHIN_S)
    with pytest.raises(NotFound):
        await s3.call("head_object", Key="x")


async def test_a_readiness_check_has_the_time_to_name_a_store_that_is_away(settings: S3Settings, gate: Gate) -> None:
    readiness = Readiness()
    async with started(settings.model_copy(update={"endpoint": gate.address})) as s3:
        readiness.add("s3", s3.check)
        await until_well(s3, BACK_WITHIN_S)
        for silent in (True, False):
            gate.silent = silent
            await gate.close()
            if silent:
                await gate.open()
            assert await readiness.report() == (False, {"s3": f"S3 does not answer at {gate.address}"})


async def test_no_call_waits_longer_for_a_store_that_hangs_than_is_set(s3: S3, gate: Gate) -> None:
    await until_well(s3, BACK_WITHIN_S)
    store, key = S3ObjectStore(s3), ObjectKey.new(ChannelId(7), "png", 1)
    gate.silent = True

    async def bytes_of() -> AsyncIterator[bytes]:
        yield b"x"

    calls = (store.stage(key, bytes_of(), max_bytes=9), store.promote(key, lambda _, __: None), store.stat(key), s3.check())
    for took in await asyncio.gather(*(seconds_of(call) for call in calls)):
        assert took < TIMEOUT_S + 0.5
    await until_away(s3, 5)
    assert await seconds_of(store.stat(key)) < 0.1
    gate.silent = False
    await gate.close()
    await gate.open()
    await until_well(s3, BACK_WITHIN_S)


async def test_a_bucket_that_is_missing_is_named_and_used_once_it_is_there(s3_engine: SeaweedEngine) -> None:
    settings = own_bucket(s3_engine.settings)
    async with started(settings) as s3:
        await wait_for_word(s3, f"S3 at {settings.endpoint} has no bucket {settings.bucket}: run `randomchat migrate`")
        await migrate_bucket(settings, [], RetentionSettings())
        await until_well(s3, BACK_WITHIN_S)
    await remove_bucket(settings)


@pytest.mark.parametrize("wrong", [{"secret_key": "wrong"}, {"access_key": "wrong"}])
async def test_a_wrong_key_is_said(settings: S3Settings, wrong: dict[str, str]) -> None:
    async with started(S3Settings(**{**settings.model_dump(), **wrong})) as s3:
        await wait_for_word(s3, f"S3 at {settings.endpoint} refuses the access key, or the bucket {settings.bucket} to it")
        assert await seconds_of(s3.call("head_object", Key="x")) < 0.1


async def test_a_key_that_is_missing_is_said(settings: S3Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    async with started(settings.model_copy(update={"access_key": ""})) as s3:
        await wait_for_word(s3, f"S3 at {settings.endpoint}: there is no access key")


@pytest.mark.parametrize("status", [500, 503, 400])
async def test_a_store_that_answers_nothing_but_errors_is_unavailable_in_time(status: int, serve_raw: ServeRaw) -> None:
    address = await serve_raw(b"HTTP/1.1 %d Oh\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % status)
    async with started(S3Settings(endpoint=address, access_key="a", secret_key="b", timeout_s=TIMEOUT_S)) as s3:
        async with asyncio.timeout(10):
            with pytest.raises(Unavailable, match="S3"):
                await s3.check()
        assert await seconds_of(s3.call("head_object", Key="x")) < 0.1


async def test_a_slow_reader_is_waited_for_and_a_reader_of_another_version_refused(s3_engine: SeaweedEngine) -> None:
    size = 8 << 20
    async with fresh_s3(s3_engine.settings.model_copy(update={"timeout_s": TIMEOUT_S})) as s3:
        tag = (await s3.call("put_object", Key="big", Body=bytes(size), sent_bytes=size))["ETag"].strip('"')
        pieces = s3.read("big", tag, 0, size)
        count = len(await anext(pieces))
        await asyncio.sleep(2 * TIMEOUT_S)  # the store has nothing to wait for, the reader is slow
        assert count + sum([len(piece) async for piece in pieces]) == size
        with pytest.raises(Contested):
            await anext(s3.read("big", "0" * 32, 0, size))


async def wait_for_word(s3: S3, word: str) -> None:
    """Wait until that is what is wrong."""
    async with asyncio.timeout(BACK_WITHIN_S):
        while s3._trouble != word:  # noqa: ASYNC110 - only asking shows it
            await asyncio.sleep(0.02)
    with pytest.raises(Unavailable) as trouble:
        await s3.check()
    assert trouble.value.message in {word, s3._trouble}


ServeRaw = Callable[[bytes], Awaitable[str]]


@pytest.fixture
async def serve_raw() -> AsyncIterator[ServeRaw]:
    """Answer each connection with the same bytes."""
    servers: list[asyncio.Server] = []

    async def serve(answer: bytes) -> str:
        async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            writer.close()

        servers.append(await asyncio.start_server(take, "127.0.0.1", 0))
        return f"http://127.0.0.1:{servers[0].sockets[0].getsockname()[1]}"

    yield serve
    for server in servers:
        server.close()
