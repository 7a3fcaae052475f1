"""Objects as files in the data directory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

import structlog

from randomchat.clock import Clock
from randomchat.errors import Unavailable
from randomchat.infra.data_dir import DataDirError
from randomchat.infra.object_files import Draft, ObjectFiles, OpenFile
from randomchat.infra.object_store import STAGED_TTL_MS, Examine, ObjectKey, StoredObject, counted

PIECE_BYTES = 256 * 1024
"""What one upload or download has in memory, and what one step of a thread reads or writes."""
THREADS = 4

T = TypeVar("T")

_log = structlog.get_logger()


class LocalObjectStore:
    """`ObjectStore` for one process, which alone has the folder. The disk is used by threads of its own, in small steps."""

    def __init__(self, folder: Path, clock: Clock, *, keep_free_bytes: int) -> None:
        """`keep_free_bytes`: room on the disk that files leave to the database. Raises `DataDirError`."""
        try:
            self._files = ObjectFiles(folder)
        except OSError as error:
            raise DataDirError(f"{folder}: can't be used for files: {error.strerror}.") from error
        self._clock = clock
        self._keep_free_bytes = keep_free_bytes
        self._threads = ThreadPoolExecutor(THREADS, "object-store")

    async def close(self) -> None:
        """Wait until the steps under way have ended."""
        await asyncio.to_thread(self._threads.shutdown)

    async def stage(self, key: ObjectKey, chunks: AsyncIterable[bytes], *, max_bytes: int, size: int | None = None) -> None:
        draft = self._files.new_draft()
        try:
            await self._run(partial(self._check_room, size or 0))
            await self._run(draft.open)
            await self._fill(draft, counted(chunks, max_bytes, size))
            await self._run(partial(self._files.publish, draft, key, self._clock.wall_ms()))
        except BaseException:
            await asyncio.shield(self._run(draft.discard))
            raise

    async def promote(self, key: ObjectKey, examine: Examine) -> StoredObject:
        return await self._run(partial(self._files.promote, key, examine, self._clock.wall_ms()))

    async def stat(self, key: ObjectKey) -> StoredObject:
        return await self._run(partial(self._files.stat, key))

    @asynccontextmanager
    async def open(self, key: ObjectKey) -> AsyncIterator[_Reader]:
        file = await self._run(partial(self._files.open, key))
        try:
            yield _Reader(file, self._run)
        finally:
            file.close()

    async def delete_expired(self, before_ms: int, limit: int) -> int:
        staged_before_ms = max(before_ms, self._clock.wall_ms() - STAGED_TTL_MS)
        return await self._run(partial(self._files.delete_expired, before_ms, staged_before_ms, limit))

    async def _fill(self, draft: Draft, chunks: AsyncIterable[bytes]) -> None:
        pending = bytearray()
        async for chunk in chunks:
            pending += chunk
            if len(pending) >= PIECE_BYTES:
                piece, pending = bytes(pending), bytearray()
                await self._run(partial(self._write, draft, piece))
        await self._run(partial(self._write, draft, bytes(pending)))

    def _write(self, draft: Draft, piece: bytes) -> None:
        self._check_room(len(piece))
        draft.write(piece)

    def _check_room(self, wanted_bytes: int) -> None:
        if self._files.free_bytes() < self._keep_free_bytes + wanted_bytes:
            _log.warning("the disk has no room for files")
            raise Unavailable("There is no room for files at the moment; try again later.")

    async def _run(self, step: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, step)
        except OSError as error:
            _log.warning("the disk refused a step", error=str(error))
            raise Unavailable from error


class _Reader:
    """`OpenObject` on a file."""

    def __init__(self, file: OpenFile, run: Callable[[Callable[[], bytes]], Awaitable[bytes]]) -> None:
        self._file = file
        self._run = run

    @property
    def info(self) -> StoredObject:
        return self._file.info

    async def read(self, start: int, stop: int) -> AsyncIterator[bytes]:
        while start < stop:
            piece = await self._run(partial(self._file.read, start, min(PIECE_BYTES, stop - start)))
            start += len(piece)
            yield piece
