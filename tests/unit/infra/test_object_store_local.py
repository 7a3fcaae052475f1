"""What only the local object store can do wrong: the disk, crashes, and what others put into its folder."""

from __future__ import annotations

import resource
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from randomchat.errors import NotFound, Unavailable
from randomchat.ids import ChannelId
from randomchat.infra.data_dir import DataDirError
from randomchat.infra.object_store import ObjectKey
from randomchat.infra.object_store_local import LocalObjectStore
from tests.fakes import FakeClock

MAX_BYTES = 1 << 30


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def key(clock: FakeClock) -> ObjectKey:
    return ObjectKey.new(ChannelId(7), "png", clock.wall_ms())


@pytest.fixture
async def store(tmp_path: Path, clock: FakeClock) -> AsyncIterator[LocalObjectStore]:
    store = LocalObjectStore(tmp_path, clock, keep_free_bytes=0)
    yield store
    await store.close()


async def chunks(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


def files_in(folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*") if not file.is_dir()]


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """The kernel refuses to let files grow further, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_write_that_the_disk_refuses_is_unavailable_and_leaves_nothing(
    store: LocalObjectStore, key: ObjectKey, tmp_path: Path
) -> None:
    with largest_file(600_000), pytest.raises(Unavailable):
        await store.stage(key, chunks(*[bytes(100_000)] * 10), max_bytes=MAX_BYTES)
    assert files_in(tmp_path) == []
    await store.stage(key, chunks(b"now there is room"), max_bytes=MAX_BYTES)


async def test_files_leave_room_on_the_disk(tmp_path: Path, clock: FakeClock, key: ObjectKey) -> None:
    store = LocalObjectStore(tmp_path, clock, keep_free_bytes=1 << 60)
    with pytest.raises(Unavailable, match="room"):
        await store.stage(key, chunks(b"x"), max_bytes=MAX_BYTES)
    assert files_in(tmp_path) == []
    await store.close()


async def test_a_file_that_grows_leaves_that_room_too(tmp_path: Path, clock: FakeClock, key: ObjectKey) -> None:
    room = shutil.disk_usage(tmp_path).free - (20 << 20)
    store = LocalObjectStore(tmp_path, clock, keep_free_bytes=room)
    with pytest.raises(Unavailable, match="room"):
        await store.stage(key, chunks(*[bytes(1 << 20)] * 1000), max_bytes=MAX_BYTES)
    assert files_in(tmp_path) == []
    await store.close()


async def test_a_file_that_vanishes_or_shrinks_while_it_is_read_is_unavailable(
    store: LocalObjectStore, key: ObjectKey, tmp_path: Path
) -> None:
    await store.stage(key, chunks(b"0123456789"), max_bytes=MAX_BYTES)
    async with store.open(key) as opened:
        (file,) = files_in(tmp_path)
        file.write_bytes(b"01")
        with pytest.raises(Unavailable):
            [piece async for piece in opened.read(0, 10)]


async def test_what_a_crash_left_half_done_is_removed_at_the_next_start(tmp_path: Path, clock: FakeClock, key: ObjectKey) -> None:
    store = LocalObjectStore(tmp_path, clock, keep_free_bytes=0)
    await store.stage(key, chunks(b"whole"), max_bytes=MAX_BYTES)
    await store.close()
    (tmp_path / "drafts" / "half").write_bytes(b"half")
    store = LocalObjectStore(tmp_path, clock, keep_free_bytes=0)
    assert [file.name for file in files_in(tmp_path)] == [f"7-{key.file_name}"]
    assert (await store.stat(key)).size == 5
    await store.close()


async def test_a_draft_is_gone_once_it_has_become_an_object(store: LocalObjectStore, key: ObjectKey, tmp_path: Path) -> None:
    await store.stage(key, chunks(b"x"), max_bytes=MAX_BYTES)
    await store.promote(key, lambda _, __: None)
    (file,) = files_in(tmp_path)
    assert file.relative_to(tmp_path).parts[0] == "kept"
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700


async def test_links_and_folders_in_the_place_of_a_file_are_not_followed(
    store: LocalObjectStore, key: ObjectKey, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    await store.stage(key, chunks(b"x"), max_bytes=MAX_BYTES)
    place = next(file for file in files_in(tmp_path) if file != secret)
    place.unlink()
    place.symlink_to(secret)
    with pytest.raises(Unavailable):
        await store.stat(key)
    place.unlink()
    place.mkdir()
    with pytest.raises((NotFound, Unavailable)):
        await store.stat(key)


async def test_strange_folders_do_not_stop_the_removal_of_old_files(
    store: LocalObjectStore, clock: FakeClock, key: ObjectKey, tmp_path: Path
) -> None:
    (tmp_path / "kept" / "lost+found").mkdir()
    await store.stage(key, chunks(b"x"), max_bytes=MAX_BYTES)
    clock.advance(90 * 86_400)
    assert await store.delete_expired(clock.wall_ms(), 10) == 1
    assert files_in(tmp_path) == []


def test_a_folder_that_can_not_be_used_is_said_in_one_line(tmp_path: Path, clock: FakeClock) -> None:
    (tmp_path / "files").write_text("not a folder")
    with pytest.raises(DataDirError, match="can't be used for files"):
        LocalObjectStore(tmp_path / "files", clock, keep_free_bytes=0)
