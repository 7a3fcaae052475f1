"""A store in memory that fails in every way in which a quorum store fails."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from random import Random

from randomchat.chat.domain import Channel, Excerpt, Member, Message, Summary
from randomchat.errors import NotFound, Unavailable
from randomchat.ids import ChannelId, MessageId, TicketId, UserId

WRITE_TIMEOUT_S = 2.0
STILL_FRESH_MS = 6000
LONG_READABLE_S = 2.5
"""Longer than any read takes."""


@dataclass
class Health:
    """The share of requests that a misfortune happens to, 0 to 1."""

    refused: float = 0.0  # not written
    lost_answer: float = 0.0  # written, but the answer is a timeout
    surfacing: float = 0.0  # a timeout; the row appears seconds to minutes later
    slow: float = 0.0  # written and answered within seconds
    unread: float = 0.0  # a read fails


@dataclass
class Store:
    """What all nodes share: one channel."""

    random: Random
    channel: Channel
    rows: dict[MessageId, Message] = field(default_factory=dict)
    health: Health = field(default_factory=Health)
    overwritten: list[MessageId] = field(default_factory=list)
    needless: list[MessageId] = field(default_factory=list)
    applied_at: dict[MessageId, float] = field(default_factory=dict)

    def check_need(self, message: Message) -> None:
        """A resend is stored again only where the first row could not be found, or is old."""
        named = [row for row in self.rows.values() if (row.sender, row.client_id) == (message.sender, message.client_id)]
        first = min(named, key=lambda row: row.id, default=None)
        if first is None or message.client_id is None:
            return
        readable_s = asyncio.get_running_loop().time() - self.applied_at[first.id]
        if message.time_ms - first.time_ms < STILL_FRESH_MS and readable_s > LONG_READABLE_S:
            self.needless.append(message.id)

    def apply(self, message: Message) -> None:
        self.applied_at.setdefault(message.id, asyncio.get_running_loop().time())
        if self.rows.get(message.id, message) != message:
            self.overwritten.append(message.id)
        self.rows[message.id] = message

    def history(self) -> list[Message]:
        """What a fresh page shows: merged, oldest first."""
        shown: dict[object, Message] = {}
        for message_id in sorted(self.rows):
            message = self.rows[message_id]
            shown.setdefault((message.sender, message.client_id or message.id), message)
        return list(shown.values())


class Link:
    """One node's way to the store; implements `ChatRepository`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.reads = self.writes = True
        self.alive = True

    # ---------------------------------------------------------------- messages
    async def insert_message(self, channel_id: ChannelId, message: Message) -> None:
        store, random, health = self._store, self._store.random, self._store.health
        loop, fate = asyncio.get_running_loop(), self._store.random.random()
        store.check_need(message)
        await asyncio.sleep(0.0002)  # the driver's queue: a kill may come between
        if not self.alive or not self.writes or fate < health.refused:
            await asyncio.sleep(random.choice((0.01, WRITE_TIMEOUT_S)))
            raise Unavailable
        fate -= health.refused
        if fate < health.lost_answer:
            loop.call_later(random.uniform(0, 0.05), store.apply, message)
        elif fate < health.lost_answer + health.surfacing:
            loop.call_later(random.choice((3, 15, 40, 90, 200)) * random.uniform(0.5, 1.5), store.apply, message)
        else:
            slow = fate < health.lost_answer + health.surfacing + health.slow
            applied_s = random.uniform(0.05, 4) if slow else random.uniform(0.0005, 0.004)
            loop.call_later(applied_s, store.apply, message)
            await asyncio.sleep(applied_s + random.uniform(0.0005, 0.004))
            return
        await asyncio.sleep(WRITE_TIMEOUT_S)
        raise Unavailable

    async def read_after(self, channel_id: ChannelId, after: MessageId, limit: int | None = None) -> Excerpt:
        await self._read()
        found = [self._store.rows[message_id] for message_id in sorted(self._store.rows) if message_id > after]
        return Excerpt(self._store.channel, found[:limit])

    async def find_message(self, channel_id: ChannelId, sender: UserId, client_id: str) -> Message | None:
        await self._read()
        named = [m for m in self._store.rows.values() if (m.sender, m.client_id) == (sender, client_id)]
        return min(named, key=lambda message: message.id, default=None)

    async def has_message(self, channel_id: ChannelId, message_id: MessageId) -> bool:
        await self._read()
        return message_id in self._store.rows

    async def list_messages(self, channel_id: ChannelId, before: MessageId | None, limit: int) -> list[Message]:
        await self._read()
        return [m for m in reversed(self._store.history()) if before is None or m.id < before][:limit]

    async def _read(self) -> None:
        random = self._store.random
        await asyncio.sleep(random.uniform(0, 0.01))
        if not self.alive or not self.reads or random.random() < self._store.health.unread:
            await asyncio.sleep(random.choice((0.01, 2.0)))
            raise Unavailable

    # ---------------------------------------------------------------- the channel
    async def get_channel(self, channel_id: ChannelId) -> Channel:
        await self._read()
        return self._store.channel

    async def get_summary(self, channel_id: ChannelId) -> Summary:
        await self._read()
        return Summary(self._store.channel, max(self._store.rows, default=MessageId(0)), len(self._store.rows))

    async def advance_seen(self, channel_id: ChannelId, user_id: UserId, message_id: MessageId) -> None:
        await self._read()
        self._change_member(user_id, lambda member: replace(member, seen_id=max(member.seen_id, message_id)))

    async def mark_joined(self, channel_id: ChannelId, user_id: UserId, now_ms: int) -> None:
        await self._read()
        self._change_member(user_id, lambda member: replace(member, joined_at_ms=member.joined_at_ms or now_ms))

    def _change_member(self, user_id: UserId, change: object) -> None:
        assert callable(change)
        one, other = (change(m) if m.user_id == user_id else m for m in self._store.channel.members)
        self._store.channel = replace(self._store.channel, members=(one, other))

    async def close_channel(self, channel_id: ChannelId, closed_by: UserId, now_ms: int) -> Channel:
        await self._read()
        if self._store.channel.closed_at_ms is None:
            self._store.channel = replace(self._store.channel, closed_at_ms=now_ms, closed_by=closed_by)
        return self._store.channel

    # ---------------------------------------------------------------- not part of the simulation
    async def create_channel(
        self, channel_id: ChannelId, members: tuple[UserId, UserId], tickets: tuple[TicketId, TicketId], *, not_after_ms: int
    ) -> ChannelId:
        raise NotFound

    async def find_channel_of_ticket(self, ticket_id: TicketId) -> ChannelId | None:
        raise NotFound

    async def revoke_tokens(self, user_id: UserId, now_ms: int) -> None:
        raise NotFound

    async def shares_channel(self, one: UserId, other: UserId) -> bool:
        raise NotFound

    async def delete_expired(self, before_ms: int, limit: int) -> int:
        raise NotFound


def new_channel(users: tuple[UserId, UserId]) -> Channel:
    return Channel(ChannelId(77), (Member(users[0]), Member(users[1])))
