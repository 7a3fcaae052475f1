"""The queue in Redis, shared by all match nodes. The steps themselves are in `queue_redis.lua`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from importlib import resources
from typing import Any

import msgspec

from randomchat.clock import Clock
from randomchat.config import WideningSettings
from randomchat.ids import NodeId, TicketId, UserId
from randomchat.infra.redis import Redis, Script, Word
from randomchat.match.queue import TICKET_LEASE_S
from randomchat.match.ticket_index import ListKey, lists_for, lists_of
from randomchat.match.tickets import Ticket, Wish

AT_ONCE = 250
"""Most tickets that are renewed in one step: some 2 ms, for which everyone else waits."""
_LEASE_MS = round(TICKET_LEASE_S * 1000)


class RedisTicketQueue:
    """`TicketQueue` by the wall clocks of the nodes: leases are renewed so early that a second or two between them does no harm.

    All of it is in one hash slot, and so on one master.
    """

    def __init__(self, redis: Redis, clock: Clock, widening: WideningSettings) -> None:
        self._redis = redis
        self._clock = clock
        self._widening = widening
        self._common_ms = round(widening.common_interest_s * 1000)
        self._language_ms = round(widening.same_language_s * 1000)
        self._keys = [redis.key("{queue}", name) for name in ("tickets", "leases", "places")]
        self._script = Script(resources.files(__package__).joinpath("queue_redis.lua").read_text("utf-8"))

    async def enter(self, ticket: Ticket) -> Ticket:
        holder = await self._step("enter", _LEASE_MS, _packed(ticket))
        return ticket if holder is None else _unpacked(holder)

    async def take_partner(self, finder: Ticket) -> Ticket | None:
        lists = map(_name, lists_for(finder, self._widening, self._clock.wall_ms()))
        partner = await self._step("take_partner", _packed(finder), self._common_ms, self._language_ms, *lists)
        return None if partner is None else _unpacked(partner)

    async def renew(self, tickets: Sequence[Ticket]) -> frozenset[TicketId]:
        waiting: set[TicketId] = set()
        for some in _batches(tickets):
            waiting |= {TicketId(int(ticket_id)) for ticket_id in await self._step("renew", _LEASE_MS, *_places(some))}
        return frozenset(waiting)

    async def leave(self, tickets: Sequence[Ticket]) -> None:
        for some in _batches(tickets):
            await self._step("leave", *_places(some))

    async def _step(self, name: str, *args: Word) -> Any:
        return await self._redis.run(self._script, self._keys, name, self._clock.wall_ms(), *args)


class _Record(msgspec.Struct, frozen=True):
    """A ticket as the script knows it. Ids are text: Lua's numbers have 53 bits.

    `place`: sorts by the wait. `interests`: a line break before, between and after them. `excluded`: the same, with spaces.
    `lists`: what `_name` makes of each list of the ticket.
    """

    id: str
    user: str
    node: str
    since: int
    place: str
    language: str
    interests: str
    excluded: str
    lists: str
    pool: str


def _packed(ticket: Ticket) -> bytes:
    wish = ticket.wish
    record = _Record(
        id=str(ticket.id),
        user=str(ticket.user_id),
        node=ticket.node,
        since=ticket.since_ms,
        place=f"{ticket.since_ms:013}{ticket.id:019}",
        language=wish.language,
        interests=_enclosed(wish.interests, "\n"),
        excluded=_enclosed(map(str, ticket.excluded), " "),
        lists="\r".join(map(_name, lists_of(ticket))),
        pool=wish.pool,
    )
    return msgspec.msgpack.encode(record)


def _unpacked(packed: bytes) -> Ticket:
    record = msgspec.msgpack.decode(packed, type=_Record)
    wish = Wish(frozenset(record.interests.split("\n")) - {""}, record.language, record.pool)
    excluded = frozenset(UserId(int(user)) for user in record.excluded.split())
    return Ticket(TicketId(int(record.id)), UserId(int(record.user)), NodeId(record.node), record.since, wish, excluded)


def _enclosed(words: Iterable[str], separator: str) -> str:
    text = separator.join(words)
    return f"{separator}{text}{separator}" if text else ""


def _name(key: ListKey) -> str:
    """A list's name as text. No part has a control character in it, and what is said for yes and no is nobody's language."""
    return "\t".join(part if isinstance(part, str) else "-+"[part] for part in key)


def _places(tickets: Iterable[Ticket]) -> Iterator[str]:
    for ticket in tickets:
        yield str(ticket.user_id)
        yield str(ticket.id)


def _batches(tickets: Sequence[Ticket]) -> Iterator[Sequence[Ticket]]:
    for start in range(0, len(tickets), AT_ONCE):
        yield tickets[start : start + AT_ONCE]
