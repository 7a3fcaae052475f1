"""What every object store promises."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cluster.engines.seaweedfs import SeaweedEngine
from randomchat.errors import InvalidInput, NotFound, RandomchatError, TooLarge
from randomchat.ids import ChannelId
from randomchat.infra.object_store import HEAD_BYTES, STAGED_TTL_MS, ObjectKey, ObjectStore, StoredObject
from randomchat.infra.object_store_local import LocalObjectStore
from randomchat.infra.object_store_s3 import S3ObjectStore
from tests.buckets import fresh_s3
from tests.fakes import FakeClock

MAX_BYTES = 1 << 20
DAY_S = 86_400


@pytest.fixture
async def local(tmp_path: Path, clock: FakeClock) -> AsyncIterator[ObjectStore]:
    """The one that is asked to remove what is old; buckets have rules for that, see `test_s3_bucket.py`."""
    store = LocalObjectStore(tmp_path / "files", clock, keep_free_bytes=0)
    yield store
    await store.close()


@pytest.fixture
async def in_bucket(s3_engine: SeaweedEngine) -> AsyncIterator[ObjectStore]:
    async with fresh_s3(s3_engine.settings) as s3:
        yield S3ObjectStore(s3)


@pytest.fixture(params=["local", "in_bucket"])
def store(request: pytest.FixtureRequest) -> ObjectStore:
    return request.getfixturevalue(request.param)  # type: ignore[no-any-return]


@pytest.fixture
def key(clock: FakeClock) -> ObjectKey:
    return new_key(clock)


def new_key(clock: FakeClock, ext: str = "png") -> ObjectKey:
    return ObjectKey.new(ChannelId(7), ext, clock.wall_ms())


async def chunked(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def put(store: ObjectStore, key: ObjectKey, *chunks: bytes, size: int | None = None) -> None:
    await store.stage(key, chunked(*chunks), max_bytes=MAX_BYTES, size=size)


async def read(store: ObjectStore, key: ObjectKey) -> bytes:
    async with store.open(key) as opened:
        return b"".join([piece async for piece in opened.read(0, opened.info.size)])


def accept(_: StoredObject, __: bytes) -> None:
    """Any object is fine."""


async def exists(store: ObjectStore, key: ObjectKey) -> bool:
    try:
        await store.stat(key)
    except NotFound:
        return False
    return True


# Staging


async def test_what_was_staged_can_be_read(store: ObjectStore, key: ObjectKey) -> None:
    await put(store, key, b"first ", b"", b"second")
    assert await read(store, key) == b"first second"
    info = await store.stat(key)
    assert (info.key, info.size, info.promoted) == (key, 12, False)


async def test_an_object_may_be_empty(store: ObjectStore, key: ObjectKey) -> None:
    await put(store, key, size=0)
    assert await read(store, key) == b""
    assert (await store.promote(key, accept)).size == 0


async def test_more_bytes_than_one_piece_come_back_in_order(store: ObjectStore, key: ObjectKey) -> None:
    chunks = [bytes([number]) * 70_001 for number in range(14)]
    await put(store, key, *chunks)
    assert await read(store, key) == b"".join(chunks)


async def test_staging_again_takes_the_place_of_what_was_staged(store: ObjectStore, key: ObjectKey) -> None:
    await put(store, key, b"old")
    before = await store.stat(key)
    await put(store, key, b"new")
    assert await read(store, key) == b"new"
    assert (await store.stat(key)).etag != before.etag


async def test_objects_are_told_apart_by_channel_and_extension(store: ObjectStore, key: ObjectKey) -> None:
    await put(store, key, b"mine")
    for text in (str(key).replace("7/", "8/"), str(key).replace(".png", ".jpg"), str(key).removesuffix(".png")):
        other = ObjectKey.parse(text)
        assert other is not None
        assert not await exists(store, other)


async def test_too_many_bytes_are_refused_before_they_have_all_come(store: ObjectStore, key: ObjectKey) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield bytes(100_000)

    with pytest.raises(TooLarge):
        await store.stage(key, endless(), max_bytes=MAX_BYTES)
    assert not await exists(store, key)


async def test_exactly_as_many_bytes_as_are_allowed_are_taken(store: ObjectStore, key: ObjectKey) -> None:
    await store.stage(key, chunked(b"12345"), max_bytes=5)
    with pytest.raises(TooLarge):
        await store.stage(key, chunked(b"123456"), max_bytes=5)
    assert await read(store, key) == b"12345"


@pytest.mark.parametrize("size", [0, 4, 6, 100])
async def test_another_size_than_announced_is_refused(store: ObjectStore, key: ObjectKey, size: int) -> None:
    with pytest.raises(InvalidInput):
        await put(store, key, b"12345", size=size)
    assert not await exists(store, key)
    await put(store, key, b"12345", size=5)
    assert await exists(store, key)


async def test_an_upload_that_breaks_off_leaves_what_was_there(store: ObjectStore, key: ObjectKey) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield bytes(500_000)
        raise ConnectionError

    await put(store, key, b"whole")
    with pytest.raises(ConnectionError):
        await store.stage(key, broken(), max_bytes=MAX_BYTES)
    assert await read(store, key) == b"whole"


async def test_an_upload_that_is_cancelled_is_not_there(store: ObjectStore, key: ObjectKey) -> None:
    stuck = asyncio.Event()

    async def pausing() -> AsyncIterator[bytes]:
        yield bytes(500_000)
        stuck.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(store.stage(key, pausing(), max_bytes=MAX_BYTES))
    await stuck.wait()
    assert not await exists(store, key), "what is not whole can't be seen"
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert not await exists(store, key)


# Promotion


async def test_a_promoted_object_has_the_bytes_that_were_staged(store: ObjectStore, key: ObjectKey) -> None:
    await put(store, key, b"picture")
    promoted = await store.promote(key, accept)
    assert promoted == await store.stat(key)
    assert (promoted.size, promoted.promoted) == (7, True)
    assert await read(store, key) == b"picture"


async def test_what_is_staged_later_changes_nothing_that_was_promoted(store: ObjectStore, key: ObjectKey) -> None:
    await put(store, key, b"sent")
    promoted = await store.promote(key, accept)
    await put(store, key, b"changed")
    assert await read(store, key) == b"sent"
    assert await store.promote(key, accept) == promoted
    assert await read(store, key) == b"sent"


async def test_promoting_again_is_the_same_and_asks_nobody(store: ObjectStore, key: ObjectKey) -> None:
    def refuse(_: StoredObject, __: bytes) -> None:
        raise RandomchatError(code="type_not_allowed")

    await put(store, key, b"sent")
    assert await store.promote(key, accept) == await store.promote(key, refuse)


async def test_many_promotions_at_once_are_one(store: ObjectStore, key: ObjectKey) -> None:
    await put(store, key, b"sent")
    assert len({info.etag for info in await asyncio.gather(*(store.promote(key, accept) for _ in range(8)))}) == 1


async def test_promotions_and_uploads_at_once_never_change_what_was_promoted(store: ObjectStore, clock: FakeClock) -> None:
    for _ in range(20):
        key = new_key(clock)
        await put(store, key, b"0000")
        uploads = [put(store, key, b"%04d" % number) for number in range(1, 5)]
        await asyncio.gather(store.promote(key, accept), *uploads)
        fixed = await read(store, key)
        await put(store, key, b"late")
        assert await read(store, key) == fixed


async def test_what_is_examined_is_what_is_promoted(store: ObjectStore, key: ObjectKey) -> None:
    seen: list[tuple[StoredObject, bytes]] = []
    body = bytes(range(256)) * 8
    await put(store, key, body)
    await store.promote(key, lambda info, head: seen.append((info, head)))
    ((info, head),) = seen
    assert (info.key, info.size, head) == (key, len(body), body[:HEAD_BYTES])


async def test_a_refused_object_is_not_promoted_and_may_be_replaced(store: ObjectStore, key: ObjectKey) -> None:
    def only_good(_: StoredObject, head: bytes) -> None:
        if head != b"good":
            raise RandomchatError(code="type_not_allowed")

    await put(store, key, b"evil")
    with pytest.raises(RandomchatError):
        await store.promote(key, only_good)
    assert not (await store.stat(key)).promoted
    await put(store, key, b"good")
    assert (await store.promote(key, only_good)).promoted


async def test_what_is_not_there_is_not_found(store: ObjectStore, key: ObjectKey) -> None:
    with pytest.raises(NotFound):
        await store.stat(key)
    with pytest.raises(NotFound):
        await store.promote(key, accept)
    with pytest.raises(NotFound):
        await read(store, key)


# Reading


@pytest.mark.parametrize(("start", "stop"), [(0, 0), (0, 1), (3, 7), (9, 10), (0, 10), (10, 10)])
async def test_any_part_can_be_read(store: ObjectStore, key: ObjectKey, start: int, stop: int) -> None:
    await put(store, key, b"0123456789")
    async with store.open(key) as opened:
        assert b"".join([piece async for piece in opened.read(start, stop)]) == b"0123456789"[start:stop]


async def test_a_reader_gets_one_version_whatever_happens_meanwhile(store: ObjectStore, key: ObjectKey) -> None:
    await put(store, key, bytes(600_000))
    async with store.open(key) as opened:
        pieces = opened.read(0, opened.info.size)
        size = len(await anext(pieces))
        await put(store, key, b"x" * 600_000)
        await store.promote(key, accept)
        async for piece in pieces:
            assert not any(piece)
            size += len(piece)
    assert size == 600_000


# Retention


async def test_old_promoted_objects_are_removed_and_younger_ones_stay(local: ObjectStore, clock: FakeClock) -> None:
    old = new_key(clock)
    await put(local, old, b"old")
    await local.promote(old, accept)
    clock.advance(8 * DAY_S)
    young = new_key(clock)
    await put(local, young, b"young")
    await local.promote(young, accept)
    before_ms = clock.wall_ms() - 7 * DAY_S * 1000
    assert await local.delete_expired(before_ms, 100) == 1
    assert await local.delete_expired(before_ms, 100) == 0
    assert not await exists(local, old)
    assert await read(local, young) == b"young"


async def test_the_age_of_an_object_is_counted_from_its_promotion(local: ObjectStore, clock: FakeClock, key: ObjectKey) -> None:
    await put(local, key, b"picture")
    clock.advance(0.9 * DAY_S)
    await local.promote(key, accept)
    clock.advance(6.5 * DAY_S)
    assert await local.delete_expired(clock.wall_ms() - 7 * DAY_S * 1000, 100) == 0
    clock.advance(0.6 * DAY_S)
    assert await local.delete_expired(clock.wall_ms() - 7 * DAY_S * 1000, 100) == 1


async def test_what_was_staged_and_never_sent_is_gone_after_a_day(local: ObjectStore, clock: FakeClock, key: ObjectKey) -> None:
    await put(local, key, b"never sent")
    clock.advance(STAGED_TTL_MS / 1000)
    assert await local.delete_expired(0, 100) == 0
    clock.advance(1)
    assert await local.delete_expired(0, 100) == 1
    assert not await exists(local, key)


async def test_no_more_is_removed_at_once_than_was_asked_for(local: ObjectStore, clock: FakeClock) -> None:
    keys = [new_key(clock) for _ in range(5)]
    for key in keys:
        await put(local, key, b"old")
    for key in keys[:3]:
        await local.promote(key, accept)
    clock.advance(30 * DAY_S)
    assert [await local.delete_expired(clock.wall_ms(), 2) for _ in range(4)] == [2, 2, 1, 0]


async def test_after_the_removal_a_key_can_be_used_again(local: ObjectStore, clock: FakeClock, key: ObjectKey) -> None:
    await put(local, key, b"old")
    clock.advance(30 * DAY_S)
    await local.delete_expired(clock.wall_ms(), 100)
    await put(local, key, b"new")
    assert await read(local, key) == b"new"


async def test_a_bucket_leaves_what_is_old_to_its_rules(in_bucket: ObjectStore, clock: FakeClock, key: ObjectKey) -> None:
    await put(in_bucket, key, b"old")
    clock.advance(30 * DAY_S)
    assert await in_bucket.delete_expired(clock.wall_ms(), 100) == 0


# Keys


def test_keys_are_never_the_same_and_come_back_from_their_text() -> None:
    keys = {ObjectKey.new(ChannelId(9), ext, 1_800_000_000_000) for ext in ["png"] * 100 + [""] * 100}
    assert len(keys) == 200
    assert {ObjectKey.parse(str(key)) for key in keys} == keys
    assert {key.made_ms for key in keys} == {1_800_000_000_000}


NAME = "0" * 43


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "7",
        "7/",
        f"/{NAME}.png",
        f"7/{NAME}.",
        f"7/{NAME}.png/",
        f"7//{NAME}.png",
        f"/7/{NAME}.png",
        f"07/{NAME}.png",
        f"-7/{NAME}.png",
        f"0/{NAME}.png",
        f"9223372036854775808/{NAME}.png",
        f"7/{NAME}.PNG",
        f"7/{NAME}.png.html",
        f"7/{NAME}.png\n",
        f"7/{NAME}.png\0",
        f"7/{NAME}\0.png",
        f"7/{NAME[1:]}.png",
        f"7/{NAME}0.png",
        f"7/{'g' * 43}.png",
        f"7/{NAME[:-1]}\u0660.png",
        f"7/../8/{NAME}.png",
        f"../7/{NAME}.png",
        f"7/..%2f8%2f{NAME}.png",
        "7/../../randomchat.db",
        "7/..",
        "7/.",
        f"7\\{NAME}.png",
        f"7/{NAME}.png?x",
        f" 7/{NAME}.png",
        f"7/{NAME}.{'a' * 9}",
    ],
)
def test_nothing_else_is_a_key(text: str) -> None:
    assert ObjectKey.parse(text) is None
