"""What can happen between the steps of a promotion in a bucket, and what is left of an upload that fails."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import pytest

from cluster.engines.seaweedfs import SeaweedEngine
from randomchat.errors import RandomchatError, Unavailable
from randomchat.ids import ChannelId
from randomchat.infra.object_store import ObjectKey, StoredObject
from randomchat.infra.object_store_s3 import PART_BYTES, PROMOTIONS, UPLOADS, S3ObjectStore
from randomchat.infra.s3 import S3
from tests.buckets import contents, fresh_s3, until_well

KEY = ObjectKey.new(ChannelId(7), "png", 1)


class InterruptedS3(S3):
    """Somebody else comes just before a copy, as often as `before_copy` says."""

    def __init__(self, s3: S3) -> None:
        super().__init__(s3._settings)
        self.before_copy: list[Callable[[], Awaitable[object]]] = []

    async def call(self, operation: str, *, sent_bytes: int = 0, **parameters: Any) -> Mapping[str, Any]:
        if operation == "copy_object" and self.before_copy:
            await self.before_copy.pop()()
        return await super().call(operation, sent_bytes=sent_bytes, **parameters)


@pytest.fixture
async def s3(s3_engine: SeaweedEngine) -> AsyncIterator[InterruptedS3]:
    async with fresh_s3(s3_engine.settings) as plain:
        s3 = InterruptedS3(plain)
        await s3.start()
        await until_well(s3, 10)
        yield s3
        await s3.close()


async def put(s3: S3, body: bytes) -> None:
    """As a link to the bucket does it."""
    await s3.call("put_object", Key=f"staged/{KEY}", Body=body)


async def read(s3: S3) -> bytes:
    async with S3ObjectStore(s3).open(KEY) as opened:
        return b"".join([piece async for piece in opened.read(0, opened.info.size)])


def accept(_: StoredObject, __: bytes) -> None:
    """Any object is fine."""


def only_good(_: StoredObject, head: bytes) -> None:
    if head != b"good":
        raise RandomchatError(code="type_not_allowed")


async def test_bytes_that_come_after_the_examination_are_examined_too(s3: InterruptedS3) -> None:
    await put(s3, b"good")
    s3.before_copy = [lambda: put(s3, b"evil")]
    with pytest.raises(RandomchatError) as refusal:
        await S3ObjectStore(s3).promote(KEY, only_good)
    assert refusal.value.code == "type_not_allowed"
    assert not (await S3ObjectStore(s3).stat(KEY)).promoted


async def test_what_another_process_promoted_meanwhile_stays(s3: InterruptedS3) -> None:
    other = S3ObjectStore(s3)

    async def promote_first() -> None:
        await put(s3, b"first")
        await other.promote(KEY, accept)
        await put(s3, b"good")  # the very version that is about to be copied

    await put(s3, b"good")
    s3.before_copy = [promote_first]
    promoted = await S3ObjectStore(s3).promote(KEY, accept)
    assert (promoted, await read(s3)) == (await other.stat(KEY), b"first")


async def test_whoever_changes_the_bytes_all_the_time_is_told_to_wait(s3: InterruptedS3) -> None:
    await put(s3, b"0")
    s3.before_copy = [lambda body=b"%d" % number: put(s3, body) for number in range(1, PROMOTIONS + 1)]  # type: ignore[misc]
    with pytest.raises(Unavailable, match="changes all the time"):
        await S3ObjectStore(s3).promote(KEY, accept)
    assert (await S3ObjectStore(s3).promote(KEY, accept)).promoted


async def test_parts_of_an_upload_that_failed_are_removed(s3: InterruptedS3) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield bytes(2 * PART_BYTES + 1)
        assert await contents(s3) == [f"staged/{KEY}"]
        raise ConnectionError

    with pytest.raises(ConnectionError):
        await S3ObjectStore(s3).stage(KEY, broken(), max_bytes=1 << 30)
    assert await contents(s3) == []


@pytest.mark.parametrize("size", [PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, 2 * PART_BYTES])
async def test_files_around_the_size_of_a_part_are_whole(s3: InterruptedS3, size: int) -> None:
    body = bytes(range(251)) * (size // 251 + 1)

    async def halves() -> AsyncIterator[bytes]:
        yield body[: size // 2]
        yield body[size // 2 : size]

    store = S3ObjectStore(s3)
    await store.stage(KEY, halves(), max_bytes=size, size=size)
    promoted = await store.promote(KEY, accept)
    assert (promoted, await read(s3)) == (await store.stat(KEY), body[:size])


async def test_more_uploads_than_memory_allows_are_refused(s3: InterruptedS3) -> None:
    store = S3ObjectStore(s3)

    async def nested(depth: int) -> AsyncIterator[bytes]:
        """While the first chunk of one upload comes, the next upload begins."""
        if depth:
            await store.stage(KEY, nested(depth - 1), max_bytes=9)
        yield b"x"

    await store.stage(KEY, nested(UPLOADS - 1), max_bytes=9)
    with pytest.raises(Unavailable, match="Too many files"):
        await store.stage(KEY, nested(UPLOADS), max_bytes=9)
    await store.stage(KEY, nested(0), max_bytes=9)
