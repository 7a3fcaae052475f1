"""Asks the node of a ticket whether it is still to be had: that node alone knows."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

from randomchat.clock import Clock
from randomchat.ids import NodeId, random_id
from randomchat.interfaces.chat import Seat
from randomchat.match.metrics import MatchMetrics
from randomchat.match.posts import Answer, Ask, PostOffice, Released
from randomchat.match.searches import Mark, Searches
from randomchat.match.tickets import Ticket

ANSWER_S = 1.0
"""How long a node has to answer."""
MARK_S = 15.0
"""How long a ticket stays taken with no result: longer than its channel may take to be made, with room for skewed clocks."""
_REMEMBERED = 1000


class Confirmations:
    """The questions of this node to others, and theirs to this one."""

    def __init__(self, node: NodeId, searches: Searches, posts: PostOffice, clock: Clock, metrics: MatchMetrics) -> None:
        self._node = node
        self._searches = searches
        self._posts = posts
        self._clock = clock
        self._metrics = metrics
        self._open: dict[int, asyncio.Future[bool]] = {}
        self._given_up: OrderedDict[int, Ticket] = OrderedDict()

    def new_mark(self, common: tuple[str, ...] = (), other: Seat | None = None) -> Mark:
        """A mark of a new attempt."""
        return self._mark(random_id(self._clock.wall_ms()), common, other)

    async def ask(self, finder: Ticket, partner: Ticket, mark: Mark) -> bool:
        """Whether the partner's node has marked the ticket as taken by this attempt; False after `ANSWER_S` of silence."""
        ask = Ask(mark.ask_id, self._node, partner.user_id, partner.id, mark.common, finder.user_id, finder.id)
        agreed = await self._confirm(ask) if partner.node == self._node else await self._ask_node(partner, ask)
        if not agreed:
            self._metrics.refused.inc()
        return agreed

    def release(self, partner: Ticket, ask_id: int) -> None:
        """Tell the partner's node that nothing will come of an attempt."""
        if partner.node == self._node:
            self._searches.lapse(partner.user_id, ask_id)
        else:
            self._posts.send(partner.node, Released(ask_id, partner.user_id))

    async def receive_ask(self, ask: Ask) -> None:
        self._posts.send(ask.finder, Answer(ask.ask_id, await self._confirm(ask)))

    def receive_answer(self, answer: Answer) -> None:
        waiting = self._open.get(answer.ask_id)
        if waiting is not None and not waiting.done():
            waiting.set_result(answer.yes)
        late = self._given_up.pop(answer.ask_id, None)
        if late is not None and answer.yes:
            self.release(late, answer.ask_id)

    def _mark(self, ask_id: int, common: tuple[str, ...], other: Seat | None) -> Mark:
        now_s = self._clock.boot_s()
        return Mark(ask_id, now_s, now_s + MARK_S, common, other)

    async def _confirm(self, ask: Ask) -> bool:
        mark = self._mark(ask.ask_id, ask.common, Seat(ask.finder_user_id, ask.finder_ticket_id))
        return await self._searches.confirm(ask.user_id, ask.ticket_id, mark)

    async def _ask_node(self, partner: Ticket, ask: Ask) -> bool:
        waiting: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._open[ask.ask_id] = waiting
        self._posts.send(partner.node, ask)
        try:
            await asyncio.wait((waiting,), timeout=ANSWER_S)  # a time-out by cancelling would lose an answer that comes just then
            if waiting.done():
                return waiting.result()
            self._give_up(partner, ask)
            return False
        finally:
            del self._open[ask.ask_id]

    def _give_up(self, partner: Ticket, ask: Ask) -> None:
        """Remember whom to release, should the answer come after all."""
        self._given_up[ask.ask_id] = partner
        if len(self._given_up) > _REMEMBERED:
            self._given_up.popitem(last=False)
