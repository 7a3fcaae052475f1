"""The embedded database on a disk that is full, broken, or stalls."""

import asyncio
import contextlib
import resource
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from randomchat.errors import Unavailable
from randomchat.infra.sqlite import SqliteDatabase
from tests.simulated_time import SimulatedLoop, simulate
from tests.unit.infra.notes import INSERT, NOTES, insert, note_ids


async def limit_pages(database: SqliteDatabase, more: int) -> None:
    """From now on the file may grow by so many pages, as if the disk were full then."""

    def limit(connection: sqlite3.Connection) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0] + more
        connection.execute(f"PRAGMA max_page_count = {pages}")

    await database.transaction(limit)


async def test_a_full_disk_fails_writes_and_only_those_and_only_while_it_is_full(database: SqliteDatabase) -> None:
    await limit_pages(database, 10)
    stored: list[int] = []

    async def fill_up() -> None:
        for number in range(50):
            await insert(database, number, "x" * 3000)
            stored.append(number)

    with pytest.raises(Unavailable):
        await fill_up()
    outcomes = await asyncio.gather(*(insert(database, number, "x" * 3000) for number in range(50, 60)), return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {Unavailable}
    assert stored
    assert await database.read(note_ids) == stored
    await limit_pages(database, 1000)
    await insert(database, 100, "x" * 3000)
    assert await database.read(note_ids) == [*stored, 100]


@contextlib.contextmanager
def log_may_not_grow(path: Path) -> Iterator[None]:
    """The kernel refuses to write beyond its end: an error of the disk, as far as the database can see."""
    size = path.with_name(f"{path.name}-wal").stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_where_the_commit_fails_nothing_of_it_is_acknowledged_or_kept(database: SqliteDatabase, path: Path) -> None:
    await insert(database, 1)
    with log_may_not_grow(path):
        outcomes = await asyncio.gather(*(insert(database, number) for number in range(2, 50)), return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {Unavailable}
        assert await database.read(note_ids) == [1]
        with pytest.raises(Unavailable):
            await database.check()
    await database.check()
    await insert(database, 2)
    assert await database.read(note_ids) == [1, 2]


async def test_many_failures_are_logged_once_a_second(database: SqliteDatabase, path: Path) -> None:
    await insert(database, 1)
    with (
        structlog.testing.capture_logs() as logs,
        log_may_not_grow(path),
    ):
        for number in range(2, 6):
            with pytest.raises(Unavailable):
                await insert(database, number)
    assert logs == [{"event": "the database failed", "error": "disk I/O error", "log_level": "error"}]


def test_a_disk_that_stalls_is_given_up_on_and_may_come_back(path: Path) -> None:
    go_on = threading.Event()

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SimulatedLoop)
        database = await SqliteDatabase.open(path, [NOTES])
        stalled = asyncio.create_task(database.transaction(lambda _: go_on.wait(10)))
        await asyncio.sleep(1)
        outcomes = await asyncio.gather(stalled, insert(database, 1), return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [Unavailable, Unavailable]
        go_on.set()
        loop.busy.append(lambda: database.busy)
        await insert(database, 2)
        await database.check()
        assert await database.read(note_ids) == [2]
        await database.close()

    simulate(scenario())


async def test_a_working_database_is_ready(database: SqliteDatabase) -> None:
    await database.check()
    with pytest.raises(sqlite3.IntegrityError):
        await database.execute(INSERT, (1, None))
    await database.check()
