"""The file of the embedded database: migrations, and what is no database of ours."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from randomchat.infra.sqlite import DatabaseError, Schema, SqliteDatabase
from tests.unit.infra.notes import NOTES, insert, note_ids


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
