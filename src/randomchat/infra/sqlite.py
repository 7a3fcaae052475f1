"""The embedded database: one SQLite file for all services."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeVar

import structlog

from randomchat.errors import Unavailable
from randomchat.infra.sqlite_file import DatabaseError, Schema, is_outage, open_file
from randomchat.infra.sqlite_writer import FunctionJob, Job, Parameters, StatementJob, run_batch

__all__ = ["DatabaseError", "Schema", "SqliteDatabase"]

T = TypeVar("T")

COMMIT_EVERY_S = 0.006
"""Commits begin at least so far apart: a commit costs 200 µs of CPU, a write in it 10. After a silence it begins at once."""

ANSWER_S = 5.0
"""After this time without an answer of the disk its callers are told so; see `SqliteDatabase`."""

MAX_BATCH = 1000
MAX_WAITING = 20_000
"""Writes that may wait for a disk that stalls; more are refused at once."""

READERS = 3
_LOG_EVERY_S = 1.0

_NO_ANSWER = TimeoutError(f"no answer from the disk for {ANSWER_S:.0f} s")

_log = structlog.get_logger()


class SqliteDatabase:
    """Writes go through one thread, which commits all that wait at once; reads have connections of their own.

    A write that returns is durable: its transaction was synced to the disk. A read that starts afterwards sees it. Where the
    disk is full or broken, or stalls for 5 s, calls raise `Unavailable` and later ones are tried anew; the writes of a stalled
    disk happen or not. A waiter may be cancelled; its write then happens or not. Belongs to the event loop that opened it.
    """

    def __init__(self, writer: sqlite3.Connection, readers: Sequence[sqlite3.Connection]) -> None:
        self._loop = asyncio.get_running_loop()
        self._writer, self._readers = writer, readers
        self._idle_readers = deque(readers)
        self._read_threads = ThreadPoolExecutor(len(readers), "sqlite-reader")
        self._waiting: deque[Job[Any]] = deque()
        self._batches: SimpleQueue[list[Job[Any]] | None] = SimpleQueue()
        self._writing = False
        self._last_start_s = 0.0
        self._stalled: asyncio.TimerHandle | None = None
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._closed = False
        self._failing = False
        self._logged_s = float("-inf")
        self._write_thread = threading.Thread(target=self._write, name="sqlite-writer", daemon=True)
        self._write_thread.start()

    @classmethod
    async def open(cls, path: Path, schemas: Sequence[Schema]) -> SqliteDatabase:
        """Open a file, or make it, and bring its tables up to date. Raises `DatabaseError`."""
        return cls(*await asyncio.to_thread(open_file, path, schemas, READERS))

    @property
    def busy(self) -> bool:
        """Whether the writer thread is at work; it will enter the event loop by itself."""
        return self._writing

    async def execute(self, sql: str, parameters: Parameters = ()) -> int:
        """Run one statement durably; how many rows it changed. Raises `sqlite3.IntegrityError` where a constraint forbids it."""
        return await self._submit(StatementJob(self._loop.create_future(), sql, parameters))

    async def transaction(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """Run a function in the writer thread: what it wrote is kept if it returns, and undone if it raises.

        It must be quick, must not commit or roll back, and shares its transaction with other writes.
        """
        return await self._submit(FunctionJob(self._loop.create_future(), function))

    async def read(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """Run a function on a connection that can't write; all that it reads is of one moment."""
        self._refuse_if_closed()
        try:
            async with asyncio.timeout(ANSWER_S):
                return await self._loop.run_in_executor(self._read_threads, self._read, function)
        except TimeoutError:
            raise self._outage(_NO_ANSWER) from None
        except sqlite3.Error as error:
            if is_outage(error):
                raise self._outage(error) from error
            raise

    async def check(self) -> None:
        """Raise `Unavailable` where reads fail, or where writes failed lately and still do."""
        await self.read(lambda connection: connection.execute("SELECT count(*) FROM schema_version").fetchone())
        if self._failing:
            await self.transaction(_write_something)

    async def close(self) -> None:
        """Finish what was begun, then release the file. Later calls raise `Unavailable`."""
        if self._closed:
            return
        self._closed = True
        try:
            await asyncio.wait_for(self._quiet.wait(), ANSWER_S)
        except TimeoutError:
            _log.error("the disk stalls; the process ends without it")
            return
        self._batches.put(None)
        await asyncio.to_thread(self._release)

    def _release(self) -> None:
        self._write_thread.join()
        self._read_threads.shutdown()
        for connection in (*self._readers, self._writer):
            connection.close()

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise Unavailable("The database is closed.")

    def _submit(self, job: Job[T]) -> asyncio.Future[T]:
        self._refuse_if_closed()
        if len(self._waiting) >= MAX_WAITING:
            raise Unavailable("The disk does not keep up.")
        self._waiting.append(job)
        if self._quiet.is_set():
            self._quiet.clear()
            self._schedule()
        return job.future

    def _schedule(self) -> None:
        """Start the next batch when it is time to; at the earliest when the loop has handled all that is ready now."""
        wait_s = self._last_start_s + COMMIT_EVERY_S - self._loop.time()
        if wait_s > 0:
            self._loop.call_later(wait_s, self._start_batch)
        else:
            self._loop.call_soon(self._start_batch)

    def _start_batch(self) -> None:
        self._last_start_s = self._loop.time()
        batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), MAX_BATCH))]
        batch = [job for job in batch if not job.future.done()]
        self._stalled = self._loop.call_later(ANSWER_S, self._give_up, batch)
        self._writing = True
        self._batches.put(batch)

    def _give_up(self, batch: Sequence[Job[Any]]) -> None:
        """The disk stalls: answer whoever waits for it, those behind too, and look again."""
        for job in (*batch, *self._waiting):
            job.settle(self._outage(_NO_ANSWER))
        self._waiting.clear()
        self._failing = True
        self._stalled = self._loop.call_later(ANSWER_S, self._give_up, ())

    def _write(self) -> None:
        """The writer thread."""
        while (batch := self._batches.get()) is not None:
            error = run_batch(self._writer, batch) if batch else None
            self._loop.call_soon_threadsafe(self._settle, batch, error)

    def _settle(self, batch: Sequence[Job[Any]], batch_error: Exception | None) -> None:
        self._writing = False
        if self._stalled:
            self._stalled.cancel()
        if batch:
            self._failing = False
        for job in batch:
            error = batch_error or job.error
            if error and (batch_error or is_outage(error)):
                self._failing = True
                error = self._outage(error)
            job.settle(error)
        if self._waiting:
            self._schedule()
        else:
            self._quiet.set()

    def _read(self, function: Callable[[sqlite3.Connection], T]) -> T:
        connection = self._idle_readers.pop()
        try:
            connection.execute("BEGIN")
            try:
                return function(connection)
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
        finally:
            self._idle_readers.append(connection)

    def _outage(self, error: Exception) -> Unavailable:
        now_s = self._loop.time()
        if now_s - self._logged_s >= _LOG_EVERY_S:
            self._logged_s = now_s
            _log.error("the database failed", error=str(error))
        unavailable = Unavailable()
        unavailable.__cause__ = error
        return unavailable


def _write_something(connection: sqlite3.Connection) -> None:
    """An update that changes nothing would not reach the disk."""
    flag = connection.execute("PRAGMA user_version").fetchone()[0]
    connection.execute(f"PRAGMA user_version = {1 - flag}")
