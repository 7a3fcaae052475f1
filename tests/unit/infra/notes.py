"""A small schema, and what the tests of the embedded database do with it."""

import contextlib
import sqlite3
from pathlib import Path

from randomchat.infra.sqlite import Schema, SqliteDatabase

NOTES = Schema("notes", ["CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT"])
INSERT = "INSERT INTO notes (id, text) VALUES (?, ?)"


def note_ids(connection: sqlite3.Connection) -> list[int]:
    return [number for (number,) in connection.execute("SELECT id FROM notes ORDER BY id")]


async def insert(database: SqliteDatabase, number: int, text: str = "text") -> int:
    return await database.execute(INSERT, (number, text))


def rows_in(path: Path) -> list[int]:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return note_ids(connection)
