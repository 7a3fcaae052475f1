"""Accounts and sessions in SQLite."""

from __future__ import annotations

import sqlite3

from randomchat.errors import Conflict
from randomchat.ids import UserId
from randomchat.infra.sqlite import SqliteDatabase
from randomchat.interfaces.user import Account
from randomchat.user.domain import Session

_INSERT_ACCOUNT = "INSERT INTO accounts (id, name, picture, live_until_ms) VALUES (?, ?, ?, ?)"
_INSERT_SESSION = "INSERT INTO sessions (token_hash, user_id, ends_at_ms) VALUES (?, ?, ?)"
_REVOKE_SESSION = "DELETE FROM sessions WHERE token_hash = ? RETURNING user_id"
_END_ACCOUNT = """
UPDATE accounts SET live_until_ms = max(:now_ms, coalesce((SELECT max(ends_at_ms) FROM sessions WHERE user_id = :id), 0))
WHERE id = :id
"""
_DELETE_SESSIONS = """
DELETE FROM sessions WHERE token_hash IN (SELECT token_hash FROM sessions WHERE ends_at_ms < ? ORDER BY ends_at_ms LIMIT ?)
"""
_DELETE_ACCOUNTS = """
DELETE FROM accounts WHERE id IN (SELECT id FROM accounts WHERE live_until_ms < ? ORDER BY live_until_ms LIMIT ?)
"""


class SqliteUserRepository:
    """`UserRepository` in the embedded database."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database

    async def create_account(self, account: Account, session: Session) -> None:
        def insert(connection: sqlite3.Connection) -> None:
            connection.execute(_INSERT_ACCOUNT, (account.id, account.name, account.picture, session.ends_at_ms))
            connection.execute(_INSERT_SESSION, (session.token_hash, session.user_id, session.ends_at_ms))

        try:
            await self._database.transaction(insert)
        except sqlite3.IntegrityError as error:
            raise Conflict from error

    async def find_account(self, user_id: UserId) -> Account | None:
        def select(connection: sqlite3.Connection) -> Account | None:
            row = connection.execute("SELECT name, picture FROM accounts WHERE id = ?", (user_id,)).fetchone()
            return Account(user_id, *row) if row else None

        return await self._database.read(select)

    async def find_session(self, token_hash: bytes) -> Session | None:
        def select(connection: sqlite3.Connection) -> Session | None:
            row = connection.execute("SELECT user_id, ends_at_ms FROM sessions WHERE token_hash = ?", (token_hash,)).fetchone()
            return Session(token_hash, *row) if row else None

        return await self._database.read(select)

    async def revoke_session(self, token_hash: bytes, now_ms: int) -> None:
        def revoke(connection: sqlite3.Connection) -> None:
            row = connection.execute(_REVOKE_SESSION, (token_hash,)).fetchone()
            if row:
                connection.execute(_END_ACCOUNT, {"now_ms": now_ms, "id": row[0]})

        await self._database.transaction(revoke)

    async def delete_expired(self, before_ms: int, limit: int) -> int:
        def delete(connection: sqlite3.Connection) -> int:
            """Sessions first: an account goes only when none of its sessions is left."""
            sessions = connection.execute(_DELETE_SESSIONS, (before_ms, limit)).rowcount
            accounts = connection.execute(_DELETE_ACCOUNTS, (before_ms, limit - sessions)).rowcount
            return sessions + accounts

        return await self._database.transaction(delete)
