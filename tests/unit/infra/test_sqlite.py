"""The embedded database: what it promises when many write at once, and when the disk, the file or the process fails."""

import asyncio
import contextlib
import resource
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import structlog
import uvloop
from tests.simulated_time import SimulatedLoop, simulate

from randomchat.errors import Unavailable
from randomchat.infra import sqlite
from randomchat.infra.sqlite import DatabaseError, Schema, SqliteDatabase

NOTES = Schema("notes", ["CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT"])
INSERT = "INSERT INTO notes (id, text) VALUES (?, ?)"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "randomchat.sqlite3"


@pytest.fixture
async def database(path: Path) -> AsyncIterator[SqliteDatabase]:
    database = await SqliteDatabase.open(path, [NOTES])
    yield database
    await database.close()


def note_ids(connection: sqlite3.Connection) -> list[int]:
    return [number for (number,) in connection.execute("SELECT id FROM notes ORDER BY id")]


async def insert(database: SqliteDatabase, number: int, text: str = "text") -> int:
    return await database.execute(INSERT, (number, text))


# -------------------------------------------------------------------- writes


async def test_many_writes_at_once_share_few_commits(database: SqliteDatabase) -> None:
    statements: list[str] = []
    await database.transaction(lambda connection: connection.set_trace_callback(statements.append))
    await asyncio.gather(*(insert(database, number) for number in range(500)))
    assert statements.count("COMMIT") <= 3
    assert await database.read(note_ids) == list(range(500))


async def test_no_write_is_answered_before_its_commit(database: SqliteDatabase) -> None:
    committed: list[int] = []
    pending: list[int] = []

    def note(statement: str) -> None:
        if statement.startswith("INSERT"):
            pending.append(int(statement.removeprefix("INSERT INTO notes (id, text) VALUES (").partition(",")[0]))
        if statement == "COMMIT":
            committed.extend(pending)
            pending.clear()

    async def write(number: int) -> None:
        await insert(database, number)
        assert number in committed

    await database.transaction(lambda connection: connection.set_trace_callback(note))
    await asyncio.gather(*(write(number) for number in range(100)))


async def test_a_write_tells_how_many_rows_it_changed(database: SqliteDatabase) -> None:
    assert await insert(database, 1) == 1
    await insert(database, 2)
    assert await database.execute("UPDATE notes SET text = 'new'") == 2
    assert await database.execute("DELETE FROM notes WHERE id = 404") == 0


async def test_a_transaction_returns_what_its_function_returns(database: SqliteDatabase) -> None:
    await insert(database, 7)
    assert await database.transaction(note_ids) == [7]


async def test_a_failing_write_harms_none_of_those_around_it(database: SqliteDatabase) -> None:
    def fail_half_way(connection: sqlite3.Connection) -> None:
        connection.execute(INSERT, (100, "undone"))
        raise KeyError("of the function's own")

    outcomes = await asyncio.gather(
        insert(database, 1),
        insert(database, 1),
        database.transaction(fail_half_way),
        database.execute("INSERT INTO nowhere VALUES (1)"),
        database.execute(INSERT, (5,)),
        insert(database, 6, "a lone surrogate \ud800"),
        insert(database, 7),
        return_exceptions=True,
    )
    kinds = [type(outcome) for outcome in outcomes]
    assert kinds == [int, sqlite3.IntegrityError, KeyError, Unavailable, sqlite3.ProgrammingError, UnicodeEncodeError, int]
    assert await database.read(note_ids) == [1, 7]


async def test_a_function_that_ends_the_transaction_by_itself_does_not_stop_the_writer(database: SqliteDatabase) -> None:
    def roll_back(connection: sqlite3.Connection) -> None:
        connection.execute("ROLLBACK")
        raise ValueError

    outcomes = await asyncio.gather(insert(database, 1), database.transaction(roll_back), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [Unavailable, Unavailable], "the first one was undone with it"
    await insert(database, 2)
    assert await database.read(note_ids) == [2]


async def test_a_waiter_that_gives_up_disturbs_nobody(database: SqliteDatabase) -> None:
    tasks = [asyncio.create_task(insert(database, number)) for number in range(30)]
    await asyncio.sleep(0)
    for task in tasks[::3]:
        task.cancel()
    await asyncio.wait(tasks)
    kept = [number for number in range(30) if number % 3]
    assert set(kept) <= set(await database.read(note_ids))
    await insert(database, 100)


async def test_a_write_under_way_survives_its_waiter(database: SqliteDatabase) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(connection: sqlite3.Connection) -> None:
        begun.set()
        go_on.wait(10)
        connection.execute(INSERT, (1, "slow"))

    waiter = asyncio.create_task(database.transaction(slow))
    await asyncio.to_thread(begun.wait, 10)
    waiter.cancel()
    behind = asyncio.create_task(insert(database, 2))
    await asyncio.wait([waiter])
    go_on.set()
    await behind
    assert await database.read(note_ids) == [1, 2]


async def test_writes_are_refused_where_too_many_wait(database: SqliteDatabase) -> None:
    too_many = sqlite.MAX_WAITING + 5
    outcomes = await asyncio.gather(*(insert(database, number) for number in range(too_many)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes].count(Unavailable) == 5
    assert len(await database.read(note_ids)) == sqlite.MAX_WAITING


# -------------------------------------------------------------------- reads


async def test_a_read_sees_all_that_was_answered_before_it_began(database: SqliteDatabase) -> None:
    async def write_and_look(number: int) -> None:
        await insert(database, number)
        assert number in await database.read(note_ids)

    await asyncio.gather(*(write_and_look(number) for number in range(200)))


async def test_all_that_one_read_sees_is_of_one_moment(database: SqliteDatabase) -> None:
    looked, go_on = threading.Event(), threading.Event()

    def look_twice(connection: sqlite3.Connection) -> tuple[list[int], list[int]]:
        first = note_ids(connection)
        looked.set()
        go_on.wait(10)
        return first, note_ids(connection)

    await insert(database, 1)
    reading = asyncio.create_task(database.read(look_twice))
    await asyncio.to_thread(looked.wait, 10)
    await insert(database, 2)
    go_on.set()
    assert await reading == ([1], [1])
    assert await database.read(note_ids) == [1, 2]


async def test_a_read_cannot_write(database: SqliteDatabase) -> None:
    with pytest.raises(Unavailable):
        await database.read(lambda connection: connection.execute(INSERT, (1, "x")))
    assert await database.transaction(note_ids) == []


async def test_a_failing_read_leaves_its_connection_usable(database: SqliteDatabase) -> None:
    def fail(connection: sqlite3.Connection) -> None:
        connection.execute("SELECT 1").fetchone()
        raise KeyError

    for _ in range(2 * sqlite.READERS):
        with pytest.raises(KeyError):
            await database.read(fail)
    assert await asyncio.gather(*(database.read(note_ids) for _ in range(20))) == [[]] * 20


# -------------------------------------------------------------------- loops, and the end


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_it_works_on_either_loop(path: Path, new_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def scenario() -> None:
        database = await SqliteDatabase.open(path, [NOTES])
        for first in range(0, 300, 50):
            await asyncio.gather(*(insert(database, number) for number in range(first, first + 50)))
            assert len(await database.read(note_ids)) == first + 50
        await database.close()

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(scenario())


def test_simulated_time_waits_for_its_writes(path: Path) -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SimulatedLoop)
        database = await SqliteDatabase.open(path, [NOTES])
        loop.busy.append(lambda: database.busy)
        for number in range(20):
            async with asyncio.timeout(0.1):
                await insert(database, number)
        await database.close()

    simulate(scenario())


async def test_closing_finishes_what_waits_and_refuses_what_comes(path: Path) -> None:
    database = await SqliteDatabase.open(path, [NOTES])
    writes = [asyncio.create_task(insert(database, number)) for number in range(3 * sqlite.MAX_BATCH)]
    await asyncio.sleep(0)
    await database.close()
    await database.close()
    assert [await write for write in writes] == [1] * len(writes)
    for call in (insert(database, 9999), database.read(note_ids), database.transaction(note_ids), database.check()):
        with pytest.raises(Unavailable):
            await call
    assert len(rows_in(path)) == len(writes)


async def test_closing_leaves_one_file(path: Path) -> None:
    database = await SqliteDatabase.open(path, [NOTES])
    await insert(database, 1)
    await database.close()
    assert files_beside(path) == {path.name: 0o600}


def files_beside(path: Path) -> dict[str, int]:
    """The names of the files in a folder, and who may do what with them."""
    return {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}


def rows_in(path: Path) -> list[int]:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return note_ids(connection)


WRITE_AND_TELL = """
import asyncio, sys
from pathlib import Path
from randomchat.infra.sqlite import Schema, SqliteDatabase

async def write(database, first):
    for number in range(first, 10**9, 20):
        await database.execute("INSERT INTO notes (id, text) VALUES (?, ?)", (number, "text"))
        print(number, flush=True)

async def main():
    schema = Schema("notes", ["CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT"])
    database = await SqliteDatabase.open(Path(sys.argv[1]), [schema])
    await asyncio.gather(*(write(database, first) for first in range(20)))

asyncio.run(main())
"""


def test_what_was_acknowledged_is_there_after_a_kill(path: Path) -> None:
    acknowledged: set[int] = set()
    for run in range(3):
        if run:
            path.unlink()
        with subprocess.Popen([sys.executable, "-c", WRITE_AND_TELL, str(path)], stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout
            acknowledged = {int(writer.stdout.readline()) for _ in range(300 + 77 * run)}
            writer.send_signal(signal.SIGKILL)
            acknowledged |= {int(line) for line in writer.stdout if line.endswith("\n")}
        assert acknowledged <= set(rows_in(path))


# -------------------------------------------------------------------- the disk


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


# -------------------------------------------------------------------- the file


async def reopen(path: Path, *schemas: Schema) -> list[int]:
    """Open the file, close it, and give the notes that were in it."""
    database = await SqliteDatabase.open(path, schemas)
    try:
        return await database.read(note_ids)
    finally:
        await database.close()


async def refusal(path: Path, *schemas: Schema) -> str:
    with pytest.raises(DatabaseError) as refused:
        await SqliteDatabase.open(path, schemas or [NOTES])
    message = str(refused.value)
    assert str(path) in message
    assert "\n" not in message
    return message


async def fill(path: Path) -> None:
    database = await SqliteDatabase.open(path, [NOTES])
    await asyncio.gather(*(insert(database, number, "x" * 1000) for number in range(100)))
    await database.close()


async def test_each_migration_is_applied_once_and_in_order(path: Path) -> None:
    await fill(path)
    later = "INSERT INTO notes VALUES (1000, 'by a migration; with a semicolon'); DELETE FROM notes WHERE id < 99; -- done"
    newer = Schema("notes", [*NOTES.migrations, later])
    assert await reopen(path, newer) == [99, 1000]
    assert await reopen(path, newer) == [99, 1000]


async def test_each_service_has_migrations_of_its_own(path: Path) -> None:
    await fill(path)
    assert len(await reopen(path, Schema("other", ["CREATE TABLE other (id INTEGER)"]), NOTES)) == 100


async def test_a_migration_that_fails_leaves_nothing_behind(path: Path) -> None:
    await fill(path)
    await refusal(path, Schema("notes", [*NOTES.migrations, "DELETE FROM notes; INSERT INTO nowhere VALUES (1)"]))
    assert await reopen(path, NOTES) == list(range(100))


async def test_a_file_of_a_newer_version_is_refused(path: Path) -> None:
    await reopen(path, Schema("notes", [*NOTES.migrations, "CREATE TABLE future (id INTEGER)"]))
    assert "newer version" in await refusal(path)


def edit(path: Path, change: Callable[[bytes], bytes]) -> bytes:
    """Change the bytes of the closed file."""
    content = change(path.read_bytes())
    path.write_bytes(content)
    return content


async def test_a_file_of_another_program_is_refused_and_left_alone(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE theirs (id INTEGER)")
    content = edit(path, bytes)
    assert "another program" in await refusal(path)
    assert edit(path, bytes) == content


async def test_a_file_that_is_no_database_is_refused_and_left_alone(path: Path) -> None:
    await fill(path)
    content = edit(path, lambda _: b"Dear diary, " * 1000)
    assert "damaged, or not a database" in await refusal(path)
    assert edit(path, bytes) == content


async def test_a_damaged_file_is_refused(path: Path) -> None:
    await fill(path)
    edit(path, lambda content: content[: 3 * 4096] + bytes(2 * 4096) + content[5 * 4096 :])
    assert "damaged" in await refusal(path)


async def test_a_file_that_was_cut_off_is_refused(path: Path) -> None:
    await fill(path)
    edit(path, lambda content: content[: len(content) // 2])
    assert "damaged" in await refusal(path)


async def test_a_folder_in_the_place_of_the_file_is_refused(path: Path) -> None:
    await asyncio.to_thread(path.mkdir)
    assert "can't be used" in await refusal(path)


async def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    assert "can't be opened" in await refusal(tmp_path / "missing" / "randomchat.sqlite3")
