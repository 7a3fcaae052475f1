"""The embedded database: what it promises when many write and read at once."""

import asyncio
import sqlite3
import threading

import pytest

from randomchat.errors import Unavailable
from randomchat.infra import sqlite
from randomchat.infra.sqlite import SqliteDatabase
from tests.unit.infra.notes import INSERT, insert, note_ids


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
