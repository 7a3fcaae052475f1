"""Channels and messages in Cassandra.

Every row ends by a TTL. Of a channel's rows those by user and the mark of its end live `_MARGIN_S` longer than its members do:
a channel whose members are gone is gone, so none is found open again because its end was forgotten first.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from randomchat.chat.domain import Channel, Excerpt, Member, Message, Summary
from randomchat.chat.history_cassandra import CassandraHistory
from randomchat.chat.schema_cassandra import CHAT_SCHEMA
from randomchat.chat.tickets_cassandra import CassandraTickets
from randomchat.clock import Clock
from randomchat.config import RetentionSettings
from randomchat.errors import Conflict, NotFound, Unavailable
from randomchat.ids import ChannelId, MessageId, TicketId, UserId
from randomchat.infra.cassandra import Cassandra, Query, answer_in_time

_DAY_S = 86_400
_MARGIN_S = 60
_REMEMBERED = 10_000
"""Channels whose members are remembered: they never change."""

_FIRST_WINS = 1 << 62
"""Cassandra keeps the value with the largest timestamp: with this less the time the earliest one is kept."""

_CHANNEL = """
SELECT first_user, first_seen, first_joined_ms, first_revoked_ms, second_user, second_seen, second_joined_ms, second_revoked_ms,
closed_at_ms, closed_by, TTL(first_user) FROM channels WHERE channel_id = ?
"""
_SELECT_CHANNEL = Query(_CHANNEL)
_SELECT_CHANNEL_SERIAL = Query(_CHANNEL, serial=True)
_INSERT_CHANNEL = Query(
    "INSERT INTO channels (channel_id, first_user, second_user) VALUES (?, ?, ?) IF NOT EXISTS USING TTL ?",
)
_DROP_CHANNEL = Query("DELETE FROM channels WHERE channel_id = ? IF EXISTS")
_KEEP_CHANNEL = Query("UPDATE channels USING TTL ? SET first_user = ?, second_user = ? WHERE channel_id = ?")
_CLOSE_CHANNEL = Query("""
UPDATE channels USING TTL ? SET closed_at_ms = ?, closed_by = ? WHERE channel_id = ? IF closed_by = null AND first_user != null
""")
_SELECT_MARKS = Query("""
SELECT first_joined_ms, WRITETIME(first_joined_ms), second_joined_ms, WRITETIME(second_joined_ms),
first_revoked_ms, WRITETIME(first_revoked_ms), second_revoked_ms, WRITETIME(second_revoked_ms)
FROM channels WHERE channel_id = ?
""")
_INSERT_BY_USER = Query("INSERT INTO channels_by_user (user_id, peer_id, channel_id, side) VALUES (?, ?, ?, ?) USING TTL ?")
_SELECT_BY_USER = Query("SELECT channel_id, side FROM channels_by_user WHERE user_id = ?")
_SELECT_SHARED = Query("SELECT channel_id FROM channels_by_user WHERE user_id = ? AND peer_id = ? LIMIT 1")


def _set_marks(column: str) -> tuple[Query, Query]:
    """How a mark of the first and of the second member is written."""
    text = "UPDATE channels USING TTL ? AND TIMESTAMP ? SET {}_{} = ? WHERE channel_id = ?"
    return Query(text.format("first", column)), Query(text.format("second", column))


_SET_SEEN, _SET_JOINED, _SET_REVOKED = _set_marks("seen"), _set_marks("joined_ms"), _set_marks("revoked_ms")


class CassandraChatRepository:
    """`ChatRepository` in Cassandra.

    A channel that is read by a node where people sit in it is kept alive when half of its time is over. What has ended is removed
    by Cassandra itself: `delete_expired` has nothing to do.
    """

    def __init__(self, cassandra: Cassandra, clock: Clock, retention: RetentionSettings) -> None:
        cassandra.expect(CHAT_SCHEMA)
        self._cassandra = cassandra
        self._clock = clock
        self._ttl_s = max(1, math.ceil(retention.days * _DAY_S))
        self._tickets = CassandraTickets(cassandra, clock, self._ttl_s)
        self._history = CassandraHistory(cassandra, self._ttl_s)
        self._users: dict[ChannelId, tuple[UserId, UserId]] = {}

    # ---------------------------------------------------------------- the beginning of a channel
    async def create_channel(
        self,
        channel_id: ChannelId,
        members: tuple[UserId, UserId],
        tickets: tuple[TicketId, TicketId],
        *,
        not_after_ms: int,
    ) -> ChannelId:
        """The channel's row comes first, as nobody knows of it; the tickets decide; the rows by user come last.

        Where this stops in the middle, the next one who asks for the same tickets, or for one of them, goes on.
        """
        async with answer_in_time():
            if self._clock.wall_ms() <= not_after_ms:
                values = (channel_id, *members, self._ttl_s)
                if not await self._cassandra.write_if(_INSERT_CHANNEL, values):
                    raise Conflict
            try:
                made = await self._tickets.pair(tickets, channel_id, not_after_ms)
            except Conflict:
                await self._drop(channel_id)
                raise
            if made == channel_id:
                await self._enter(channel_id, members, self._ttl_s)
            else:
                await self._drop(channel_id)
                await self._enter_again(made)
            return made

    async def find_channel_of_ticket(self, ticket_id: TicketId) -> ChannelId | None:
        async with answer_in_time():
            found = await self._tickets.find_channel(ticket_id)
            if found is not None:
                await self._enter_again(found)
            return found

    async def _drop(self, channel_id: ChannelId) -> None:
        """Remove a channel that is no ticket's."""
        with suppress(Unavailable):
            await self._cassandra.write_if(_DROP_CHANNEL, (channel_id,))

    async def _enter_again(self, channel_id: ChannelId) -> None:
        """Whoever made the channel may have stopped before."""
        with suppress(NotFound):
            channel, ttl_s = await self._read_channel(channel_id)
            await self._enter(channel_id, _users_of(channel), ttl_s)

    async def _enter(self, channel_id: ChannelId, users: tuple[UserId, UserId], ttl_s: int) -> None:
        """Let the channel be found by its members."""
        await asyncio.gather(
            self._cassandra.write(_INSERT_BY_USER, (users[0], users[1], channel_id, 0, ttl_s + _MARGIN_S)),
            self._cassandra.write(_INSERT_BY_USER, (users[1], users[0], channel_id, 1, ttl_s + _MARGIN_S)),
        )

    # ---------------------------------------------------------------- channels
    async def get_channel(self, channel_id: ChannelId) -> Channel:
        channel, _ = await self._read_channel(channel_id)
        return channel

    async def get_summary(self, channel_id: ChannelId) -> Summary:
        async with answer_in_time():
            channel, (newest_id, count) = await asyncio.gather(
                self._get_and_keep(channel_id), self._history.count_messages(channel_id)
            )
            return Summary(channel, newest_id, count)

    async def advance_seen(self, channel_id: ChannelId, user_id: UserId, message_id: MessageId) -> None:
        """The id is the timestamp too, so that the largest one stays, in whichever order they are written."""
        await self._mark(_SET_SEEN, channel_id, user_id, message_id, timestamp=message_id)

    async def mark_joined(self, channel_id: ChannelId, user_id: UserId, now_ms: int) -> None:
        await self._mark(_SET_JOINED, channel_id, user_id, now_ms, timestamp=_FIRST_WINS - now_ms * 1000)

    async def close_channel(self, channel_id: ChannelId, closed_by: UserId, now_ms: int) -> Channel:
        async with answer_in_time():
            channel = await self.get_channel(channel_id)
            if channel.closed_at_ms is not None:
                return channel
            await self._keep(channel)
            await self._cassandra.write_if(_CLOSE_CHANNEL, (self._ttl_s + _MARGIN_S, now_ms, closed_by, channel_id))
            channel, _ = await self._read_channel(channel_id, _SELECT_CHANNEL_SERIAL)
            return channel

    async def revoke_tokens(self, user_id: UserId, now_ms: int) -> None:
        async with answer_in_time():
            rows = await self._cassandra.read(_SELECT_BY_USER, (user_id,))
            await asyncio.gather(
                *(
                    self._cassandra.write(_SET_REVOKED[side], (self._ttl_s, now_ms * 1000, now_ms, channel_id))
                    for channel_id, side in rows
                )
            )

    async def shares_channel(self, one: UserId, other: UserId) -> bool:
        return bool(await self._cassandra.read(_SELECT_SHARED, (one, other)))

    async def delete_expired(self, before_ms: int, limit: int) -> int:
        del before_ms, limit
        await self._cassandra.check()
        return 0

    async def _read_channel(self, channel_id: ChannelId, query: Query = _SELECT_CHANNEL) -> tuple[Channel, int]:
        """A channel, and how many seconds it has left."""
        rows = await self._cassandra.read(query, (channel_id,))
        if not rows or rows[0][0] is None or rows[0][4] is None:
            raise NotFound
        row = rows[0]
        return Channel(channel_id, (_member(row[0:4]), _member(row[4:8])), *row[8:10]), row[10]

    async def _mark(
        self, queries: tuple[Query, Query], channel_id: ChannelId, user_id: UserId, value: int, *, timestamp: int
    ) -> None:
        users = self._users.get(channel_id) or await self._remember_users(channel_id)
        if user_id not in users:
            raise NotFound
        await self._cassandra.write(queries[users.index(user_id)], (self._ttl_s, timestamp, value, channel_id))

    async def _remember_users(self, channel_id: ChannelId) -> tuple[UserId, UserId]:
        users = _users_of(await self.get_channel(channel_id))
        if len(self._users) >= _REMEMBERED:
            del self._users[next(iter(self._users))]
        self._users[channel_id] = users
        return users

    # ---------------------------------------------------------------- the life of a channel
    async def _get_and_keep(self, channel_id: ChannelId) -> Channel:
        """A channel in which people sit: it gets its whole time anew when half of it is over."""
        channel, ttl_s = await self._read_channel(channel_id)
        if channel.closed_at_ms is None and ttl_s <= self._ttl_s / 2:
            with suppress(Unavailable):  # there is as much time again
                await self._keep(channel)
        return channel

    async def _keep(self, channel: Channel) -> None:
        """Let an open channel live for its whole time from now on. Its members come last: as long as they are there, all is."""
        users = _users_of(channel)
        await asyncio.gather(self._enter(channel.id, users, self._ttl_s), self._keep_marks(channel.id))
        await self._cassandra.write(_KEEP_CHANNEL, (self._ttl_s, *users, channel.id))

    async def _keep_marks(self, channel_id: ChannelId) -> None:
        """Write them again, just after themselves: anything newer goes on to win. What was seen ends with its message."""
        rows = await self._cassandra.read(_SELECT_MARKS, (channel_id,))
        if not rows:  # its time has just ended
            raise NotFound
        [row] = rows
        marks = zip((*_SET_JOINED, *_SET_REVOKED), row[::2], row[1::2], strict=True)
        await asyncio.gather(
            *(
                self._cassandra.write(query, (self._ttl_s, timestamp + 1, value, channel_id))
                for query, value, timestamp in marks
                if value is not None
            )
        )

    # ---------------------------------------------------------------- messages
    async def insert_message(self, channel_id: ChannelId, message: Message) -> None:
        await self._history.insert_message(channel_id, message)

    async def read_after(self, channel_id: ChannelId, after: MessageId, limit: int | None = None) -> Excerpt:
        async with answer_in_time():
            channel, messages = await asyncio.gather(
                self._get_and_keep(channel_id), self._history.read_after(channel_id, after, limit)
            )
            return Excerpt(channel, messages)

    async def list_messages(self, channel_id: ChannelId, before: MessageId | None, limit: int) -> list[Message]:
        async with answer_in_time():
            _, messages = await asyncio.gather(
                self.get_channel(channel_id), self._history.list_messages(channel_id, before, limit)
            )
            return messages

    async def find_message(self, channel_id: ChannelId, sender: UserId, client_id: str) -> Message | None:
        async with answer_in_time():
            _, message = await asyncio.gather(
                self.get_channel(channel_id), self._history.find_message(channel_id, sender, client_id)
            )
            return message

    async def has_message(self, channel_id: ChannelId, message_id: MessageId) -> bool:
        async with answer_in_time():
            _, found = await asyncio.gather(self.get_channel(channel_id), self._history.has_message(channel_id, message_id))
            return found


def _users_of(channel: Channel) -> tuple[UserId, UserId]:
    one, other = channel.members
    return one.user_id, other.user_id


def _member(columns: Sequence[Any]) -> Member:
    user_id, seen_id, joined_at_ms, revoked_before_ms = columns
    return Member(user_id, seen_id or MessageId(0), joined_at_ms, revoked_before_ms or 0)
