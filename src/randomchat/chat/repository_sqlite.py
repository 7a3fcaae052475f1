"""Channels and messages in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any

from randomchat.chat.domain import Channel, Excerpt, Member, Message, Summary
from randomchat.chat.retention_sqlite import delete_expired, find_expired
from randomchat.clock import Clock
from randomchat.errors import Conflict, NotFound, Unavailable
from randomchat.ids import MAX_ID, ChannelId, MessageId, TicketId, UserId
from randomchat.infra.sqlite import SqliteDatabase

_CHANNEL = """
first_user, first_seen, first_joined_ms, first_revoked_ms, second_user, second_seen, second_joined_ms, second_revoked_ms,
closed_at_ms, closed_by
"""
_SELECT_CHANNEL = f"SELECT {_CHANNEL} FROM channels WHERE id = ?"  # noqa: S608 - of our own text only
_SELECT_SUMMARY = f"""
SELECT {_CHANNEL},
    (SELECT coalesce(max(id), 0) FROM messages WHERE channel_id = channels.id),
    (SELECT count(*) FROM messages WHERE channel_id = channels.id)
FROM channels WHERE id = ?
"""  # noqa: S608 - of our own text only
_SELECT_TICKETS = "SELECT channel_id FROM tickets WHERE id IN (?, ?)"
_INSERT_CHANNEL = "INSERT INTO channels (id, first_user, second_user) VALUES (?, ?, ?)"
_INSERT_TICKETS = "INSERT INTO tickets (id, channel_id) VALUES (:first, :channel), (:second, :channel)"
_CLOSE_CHANNEL = "UPDATE channels SET closed_at_ms = ?, closed_by = ? WHERE id = ? AND closed_at_ms IS NULL"
_ADVANCE_SEEN = """
UPDATE channels SET
    first_seen = iif(first_user = :user, max(first_seen, :message), first_seen),
    second_seen = iif(second_user = :user, max(second_seen, :message), second_seen)
WHERE id = :channel AND :user IN (first_user, second_user)
"""
_MARK_JOINED = """
UPDATE channels SET
    first_joined_ms = iif(first_user = :user, coalesce(first_joined_ms, :now_ms), first_joined_ms),
    second_joined_ms = iif(second_user = :user, coalesce(second_joined_ms, :now_ms), second_joined_ms)
WHERE id = :channel AND :user IN (first_user, second_user)
"""
_REVOKE_AS_FIRST = "UPDATE channels SET first_revoked_ms = max(first_revoked_ms, :now_ms) WHERE first_user = :user"
_REVOKE_AS_SECOND = "UPDATE channels SET second_revoked_ms = max(second_revoked_ms, :now_ms) WHERE second_user = :user"
_SELECT_SHARED = """
SELECT 1 FROM channels WHERE first_user = :one AND second_user = :other OR first_user = :other AND second_user = :one LIMIT 1
"""

_INSERT_MESSAGE = "INSERT INTO messages (channel_id, id, sender, event, payload, client_id) VALUES (?, ?, ?, ?, ?, ?)"
_SELECT_MESSAGES = "SELECT id, sender, event, payload, client_id FROM messages WHERE channel_id = :channel"
_SELECT_AFTER = f"{_SELECT_MESSAGES} AND id > :after ORDER BY id LIMIT :limit"
_SELECT_NAMED = f"{_SELECT_MESSAGES} AND sender = :sender AND client_id = :client_id ORDER BY id LIMIT 1"
_SELECT_PAGE = f"""
{_SELECT_MESSAGES} AND id < :before AND id NOT IN (
    SELECT id FROM (
        SELECT id, row_number() OVER (PARTITION BY sender, client_id ORDER BY id) AS attempt
        FROM messages WHERE channel_id = :channel AND client_id IS NOT NULL
    ) WHERE attempt > 1
) ORDER BY id DESC LIMIT :limit
"""  # noqa: S608 - of our own text only
"""A message that was stored again later is left out even where its first row is on another page."""


class SqliteChatRepository:
    """`ChatRepository` in the embedded database."""

    def __init__(self, database: SqliteDatabase, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def create_channel(
        self,
        channel_id: ChannelId,
        members: tuple[UserId, UserId],
        tickets: tuple[TicketId, TicketId],
        *,
        not_after_ms: int,
    ) -> ChannelId:
        def create(connection: sqlite3.Connection) -> ChannelId:
            """In the writer's turn: a check of the time before it would be worth nothing if the queue is long."""
            known = [channel for (channel,) in connection.execute(_SELECT_TICKETS, tickets)]
            if known:
                return _channel_of_pair(known)
            if self._clock.wall_ms() > not_after_ms:
                raise Unavailable("The channel could not be made in time.")
            connection.execute(_INSERT_CHANNEL, (channel_id, *members))
            connection.execute(_INSERT_TICKETS, {"channel": channel_id, "first": tickets[0], "second": tickets[1]})
            return channel_id

        try:
            return await self._database.transaction(create)
        except sqlite3.IntegrityError as error:
            raise Conflict from error

    async def find_channel_of_ticket(self, ticket_id: TicketId) -> ChannelId | None:
        row = await self._read_row("SELECT channel_id FROM tickets WHERE id = ?", (ticket_id,))
        return ChannelId(row[0]) if row else None

    async def get_channel(self, channel_id: ChannelId) -> Channel:
        return await self._database.read(lambda connection: _get_channel(connection, channel_id))

    async def get_summary(self, channel_id: ChannelId) -> Summary:
        row = await self._read_row(_SELECT_SUMMARY, (channel_id,))
        if row is None:
            raise NotFound
        return Summary(_channel(channel_id, row[:-2]), *row[-2:])

    async def read_after(self, channel_id: ChannelId, after: MessageId, limit: int | None = None) -> Excerpt:
        def select(connection: sqlite3.Connection) -> Excerpt:
            channel = _get_channel(connection, channel_id)
            bounds = {"channel": channel_id, "after": after, "limit": -1 if limit is None else limit}
            return Excerpt(channel, _messages(connection, _SELECT_AFTER, bounds))

        return await self._database.read(select)

    async def list_messages(self, channel_id: ChannelId, before: MessageId | None, limit: int) -> list[Message]:
        # No message has the largest id of all: its time is in the year 2109.
        bounds = {"before": MAX_ID if before is None else before, "limit": limit}
        return await self._read_messages(channel_id, _SELECT_PAGE, bounds)

    async def insert_message(self, channel_id: ChannelId, message: Message) -> None:
        row = (channel_id, message.id, message.sender, message.event, message.payload, message.client_id)
        try:
            await self._database.execute(_INSERT_MESSAGE, row)
        except sqlite3.IntegrityError as error:
            raise Conflict from error

    async def find_message(self, channel_id: ChannelId, sender: UserId, client_id: str) -> Message | None:
        found = await self._read_messages(channel_id, _SELECT_NAMED, {"sender": sender, "client_id": client_id})
        return found[0] if found else None

    async def has_message(self, channel_id: ChannelId, message_id: MessageId) -> bool:
        def select(connection: sqlite3.Connection) -> bool:
            _require_channel(connection, channel_id)
            query = "SELECT 1 FROM messages WHERE channel_id = ? AND id = ?"
            return connection.execute(query, (channel_id, message_id)).fetchone() is not None

        return await self._database.read(select)

    async def advance_seen(self, channel_id: ChannelId, user_id: UserId, message_id: MessageId) -> None:
        await self._update(_ADVANCE_SEEN, {"channel": channel_id, "user": user_id, "message": message_id})

    async def mark_joined(self, channel_id: ChannelId, user_id: UserId, now_ms: int) -> None:
        await self._update(_MARK_JOINED, {"channel": channel_id, "user": user_id, "now_ms": now_ms})

    async def close_channel(self, channel_id: ChannelId, closed_by: UserId, now_ms: int) -> Channel:
        def close(connection: sqlite3.Connection) -> Channel:
            connection.execute(_CLOSE_CHANNEL, (now_ms, closed_by, channel_id))
            return _get_channel(connection, channel_id)

        return await self._database.transaction(close)

    async def revoke_tokens(self, user_id: UserId, now_ms: int) -> None:
        def revoke(connection: sqlite3.Connection) -> None:
            for statement in (_REVOKE_AS_FIRST, _REVOKE_AS_SECOND):
                connection.execute(statement, {"user": user_id, "now_ms": now_ms})

        await self._database.transaction(revoke)

    async def shares_channel(self, one: UserId, other: UserId) -> bool:
        return await self._read_row(_SELECT_SHARED, {"one": one, "other": other}) is not None

    async def delete_expired(self, before_ms: int, limit: int) -> int:
        # The search may look at many that stay: the writer, for which everybody waits, has no part in it.
        expired = await self._database.read(lambda connection: find_expired(connection, before_ms, limit))
        if not expired:
            return 0
        return await self._database.transaction(lambda connection: delete_expired(connection, expired, before_ms, limit))

    async def _read_row(self, query: str, parameters: Any) -> tuple[Any, ...] | None:
        def select(connection: sqlite3.Connection) -> tuple[Any, ...] | None:
            row: tuple[Any, ...] | None = connection.execute(query, parameters).fetchone()
            return row

        return await self._database.read(select)

    async def _read_messages(self, channel_id: ChannelId, query: str, parameters: Mapping[str, Any]) -> list[Message]:
        def select(connection: sqlite3.Connection) -> list[Message]:
            _require_channel(connection, channel_id)
            return _messages(connection, query, {"channel": channel_id, **parameters})

        return await self._database.read(select)

    async def _update(self, statement: str, parameters: Mapping[str, Any]) -> None:
        if not await self._database.execute(statement, parameters):
            raise NotFound


def _channel_of_pair(known: list[int]) -> ChannelId:
    """The channel that two tickets have together, given the channels that each of them has."""
    if len(known) == 2 and known[0] == known[1]:
        return ChannelId(known[0])
    raise Conflict


def _require_channel(connection: sqlite3.Connection, channel_id: ChannelId) -> None:
    if connection.execute("SELECT 1 FROM channels WHERE id = ?", (channel_id,)).fetchone() is None:
        raise NotFound


def _get_channel(connection: sqlite3.Connection, channel_id: ChannelId) -> Channel:
    row = connection.execute(_SELECT_CHANNEL, (channel_id,)).fetchone()
    if row is None:
        raise NotFound
    return _channel(channel_id, row)


def _channel(channel_id: ChannelId, row: tuple[Any, ...]) -> Channel:
    return Channel(channel_id, (Member(*row[0:4]), Member(*row[4:8])), *row[8:10])


def _messages(connection: sqlite3.Connection, query: str, parameters: Mapping[str, Any]) -> list[Message]:
    return [Message(*row) for row in connection.execute(query, parameters)]
