"""The queue and the results as they look from afar: every call takes a while, and in trouble some fail, done or not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from random import Random
from typing import ParamSpec, TypeVar

from randomchat.errors import Unavailable
from randomchat.ids import TicketId, UserId
from randomchat.match.queue import TicketQueue
from randomchat.match.results import Result, ResultStore
from randomchat.match.tickets import Ticket

P = ParamSpec("P")
T = TypeVar("T")


class Distance:
    """The way to a store and back: at most `longest_s` each. `away`: no call gets there."""

    def __init__(self, random: Random) -> None:
        self.trouble = self.away = False
        self.longest_s = 0.05
        self._random = random

    async def bridge(self, call: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        await asyncio.sleep(self._random.uniform(0, self.longest_s))
        if self.away:
            raise Unavailable
        answer = await call(*args, **kwargs)
        await asyncio.sleep(self._random.uniform(0, self.longest_s))
        if self.trouble and self._random.random() < 0.05:
            raise Unavailable
        return answer


class FarQueue:
    """`TicketQueue` at a distance."""

    def __init__(self, near: TicketQueue, distance: Distance) -> None:
        self._near, self._bridge = near, distance.bridge

    async def enter(self, ticket: Ticket) -> Ticket:
        return await self._bridge(self._near.enter, ticket)

    async def take_partner(self, finder: Ticket) -> Ticket | None:
        return await self._bridge(self._near.take_partner, finder)

    async def renew(self, tickets: Sequence[Ticket]) -> frozenset[TicketId]:
        return await self._bridge(self._near.renew, tickets)

    async def leave(self, tickets: Sequence[Ticket]) -> None:
        await self._bridge(self._near.leave, tickets)


class FarResults:
    """`ResultStore` at a distance."""

    def __init__(self, near: ResultStore, distance: Distance) -> None:
        self._near, self._bridge = near, distance.bridge

    async def put(self, user_id: UserId, result: Result) -> None:
        await self._bridge(self._near.put, user_id, result)

    async def find(self, user_id: UserId) -> Result | None:
        return await self._bridge(self._near.find, user_id)

    async def drop(self, user_id: UserId, result: Result) -> None:
        await self._bridge(self._near.drop, user_id, result)
