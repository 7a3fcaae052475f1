"""The file of the embedded database: it is opened, looked over, and brought to the newest schema."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

APPLICATION_ID = 0x52434854
"""Marks our files, so that another program's database is never taken for one."""

CHECKED_WHOLE_BYTES = 64 << 20
"""Larger files are not read through at the start, which would take seconds."""

_CACHE_KIB = 16 << 10
_LOCK_TIMEOUT_S = 5.0
_OLD_WAL_BYTES = 64 << 20


class DatabaseError(Exception):
    """The database can't be used; the message is one line that says what to do."""


@dataclass(frozen=True, slots=True)
class Schema:
    """The tables of one service.

    `migrations`: scripts of SQL statements, oldest first. Each is applied once to a file, so they are only ever added.
    """

    service: str
    migrations: Sequence[str]


def open_file(path: Path, schemas: Sequence[Schema], readers: int) -> tuple[sqlite3.Connection, list[sqlite3.Connection]]:
    """A connection that writes and some that only read, to a file that is sound and up to date. Raises `DatabaseError`."""
    with ExitStack() as opened:
        try:
            path.touch(mode=0o600)
            writer = opened.enter_context(closing(_connect(path)))
            _prepare(writer, path, schemas)
            reading = [opened.enter_context(closing(_connect(path))) for _ in range(readers)]
            for connection in reading:
                connection.execute("PRAGMA query_only = ON")
        except OSError as error:
            raise DatabaseError(f"{path}: can't be opened: {error.strerror}. Check the data directory's permissions.") from error
        except sqlite3.OperationalError as error:
            raise DatabaseError(
                f"{path}: can't be used: {error}. Check the disk and the data directory's permissions."
            ) from error
        except sqlite3.DatabaseError as error:
            raise _damaged(path, str(error)) from error
        opened.pop_all()
        return writer, reading


def _connect(path: Path) -> sqlite3.Connection:
    """A connection without transactions of its own, for use by one thread at a time."""
    connection = sqlite3.connect(path, timeout=_LOCK_TIMEOUT_S, isolation_level=None, check_same_thread=False)
    connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    return connection


def _prepare(connection: sqlite3.Connection, path: Path, schemas: Sequence[Schema]) -> None:
    _refuse_foreign(connection, path)
    _refuse_damaged(connection, path)
    mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    if mode != "wal":
        raise DatabaseError(f"{path}: this file system can't hold the database. Choose a data directory on a local disk.")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA secure_delete = ON")  # what retention removes is not to be found in the file any more
    connection.execute(f"PRAGMA journal_size_limit = {_OLD_WAL_BYTES}")
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(
        "CREATE TABLE IF NOT EXISTS schema_version (service TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT, WITHOUT ROWID"
    )
    for schema in schemas:
        _migrate(connection, path, schema)


def _refuse_foreign(connection: sqlite3.Connection, path: Path) -> None:
    used = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if used and connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise DatabaseError(f"{path}: belongs to another program. Choose another data directory, or move that file away.")


def _refuse_damaged(connection: sqlite3.Connection, path: Path) -> None:
    if path.stat().st_size <= CHECKED_WHOLE_BYTES:
        report = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if report != "ok":
            raise _damaged(path, " ".join(report.split()))


def _damaged(path: Path, reason: str) -> DatabaseError:
    return DatabaseError(
        f"{path}: is damaged, or not a database ({reason}). Put back a backup, or move the file away to start anew."
    )


def _migrate(connection: sqlite3.Connection, path: Path, schema: Schema) -> None:
    row = connection.execute("SELECT version FROM schema_version WHERE service = ?", (schema.service,)).fetchone()
    version = row[0] if row else 0
    if version > len(schema.migrations):
        raise DatabaseError(f"{path}: was written by a newer version of randomchat. Start that version, or put back a backup.")
    for number, script in enumerate(schema.migrations[version:], start=version + 1):
        connection.execute("BEGIN IMMEDIATE")
        for statement in _statements(script):
            connection.execute(statement)
        connection.execute("INSERT OR REPLACE INTO schema_version (service, version) VALUES (?, ?)", (schema.service, number))
        connection.execute("COMMIT")


def _statements(script: str) -> Iterator[str]:
    """The statements of a script: `executescript` would end the transaction that they belong to."""
    statement = ""
    for part in script.split(";"):
        statement += part + ";"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def is_outage(error: BaseException) -> bool:
    """Whether the disk or the file is at fault, and not the statement or its parameters."""
    return type(error) is sqlite3.DatabaseError or isinstance(error, sqlite3.OperationalError | sqlite3.InternalError)
