"""The messages of a channel in Cassandra: one partition, newest first."""

from __future__ import annotations

from randomchat.chat.domain import Message
from randomchat.ids import MAX_ID, ChannelId, MessageId, UserId
from randomchat.infra.cassandra import Cassandra, Query

_INSERT = Query(
    "INSERT INTO messages (channel_id, message_id, sender, event, payload, client_id) VALUES (?, ?, ?, ?, ?, ?) USING TTL ?"
)
_INSERT_NAMELESS = Query(
    "INSERT INTO messages (channel_id, message_id, sender, event, payload) VALUES (?, ?, ?, ?, ?) USING TTL ?"
)
"""A null would be stored as a tombstone."""

_COLUMNS = "SELECT message_id, sender, event, payload, client_id FROM messages WHERE channel_id = ?"
_SELECT_AFTER = Query(f"{_COLUMNS} AND message_id > ?")
_SELECT_OLDEST_AFTER = Query(f"{_COLUMNS} AND message_id > ? ORDER BY message_id ASC LIMIT ?")
_SELECT_BEFORE = Query(f"{_COLUMNS} AND message_id < ? LIMIT ?")
_SELECT_NAMES_BEFORE = Query("SELECT sender, client_id FROM messages WHERE channel_id = ? AND message_id < ?")
_SELECT_NAMED = Query(f"{_COLUMNS} AND sender = ? AND client_id = ? ORDER BY message_id ASC LIMIT 1 ALLOW FILTERING")
_SELECT_ID = Query("SELECT message_id FROM messages WHERE channel_id = ? AND message_id = ?")
_SELECT_COUNT = Query("SELECT max(message_id), count(*) FROM messages WHERE channel_id = ?")

Name = tuple[UserId, str]
"""What a client sent, whatever it was stored as: sender and `client_id`."""


class CassandraHistory:
    """Writes and reads messages, whether their channel is there or not. `ttl_s`: how long each lives."""

    def __init__(self, cassandra: Cassandra, ttl_s: int) -> None:
        self._cassandra = cassandra
        self._ttl_s = ttl_s

    async def insert_message(self, channel_id: ChannelId, message: Message) -> None:
        row = (channel_id, message.id, message.sender, message.event, message.payload)
        if message.client_id is None:
            await self._cassandra.write(_INSERT_NAMELESS, (*row, self._ttl_s))
        else:
            await self._cassandra.write(_INSERT, (*row, message.client_id, self._ttl_s))

    async def read_after(self, channel_id: ChannelId, after: MessageId, limit: int | None) -> list[Message]:
        if limit is not None:
            return await self._read(_SELECT_OLDEST_AFTER, channel_id, after, limit)
        messages = await self._read(_SELECT_AFTER, channel_id, after)
        messages.reverse()
        return messages

    async def list_messages(self, channel_id: ChannelId, before: MessageId | None, limit: int) -> list[Message]:
        """Chunk by chunk, until as many are found as were asked for that have no row with a smaller id."""
        page: list[Message] = []
        # No message has the largest id of all: its time is in the year 2109.
        end = MessageId(MAX_ID) if before is None else before
        while len(page) < limit:
            chunk = await self._read(_SELECT_BEFORE, channel_id, end, limit)
            if not chunk:
                break
            end = chunk[-1].id
            older = await self._list_names(channel_id, end) if len(chunk) == limit else set()
            page += _first_tries(chunk, older)
        return page[:limit]

    async def find_message(self, channel_id: ChannelId, sender: UserId, client_id: str) -> Message | None:
        found = await self._read(_SELECT_NAMED, channel_id, sender, client_id)
        return found[0] if found else None

    async def has_message(self, channel_id: ChannelId, message_id: MessageId) -> bool:
        return bool(await self._cassandra.read(_SELECT_ID, (channel_id, message_id)))

    async def count_messages(self, channel_id: ChannelId) -> tuple[MessageId, int]:
        """The newest message's id (0: there is none), and the number of rows."""
        [(newest_id, count)] = await self._cassandra.read(_SELECT_COUNT, (channel_id,))
        return newest_id or MessageId(0), count

    async def _read(self, query: Query, *values: int | str) -> list[Message]:
        return [Message(*row) for row in await self._cassandra.read(query, values)]

    async def _list_names(self, channel_id: ChannelId, before: MessageId) -> set[Name]:
        rows = await self._cassandra.read(_SELECT_NAMES_BEFORE, (channel_id, before))
        return {(sender, client_id) for sender, client_id in rows if client_id is not None}


def _first_tries(chunk: list[Message], older: set[Name]) -> list[Message]:
    """The messages of a chunk, newest first, without those that are stored under a smaller id in it or among the older ones."""
    names = set(older)
    kept = []
    for message in reversed(chunk):
        if message.client_id is not None:
            name = (message.sender, message.client_id)
            if name in names:
                continue
            names.add(name)
        kept.append(message)
    kept.reverse()
    return kept
