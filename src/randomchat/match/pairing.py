"""Pairs the people who wait on this node: find a partner, have it confirmed, make the channel, tell both.

What may go wrong, and what then happens:

- the partner is gone, signed out, taken, or silent for 1 s: the finder goes back to its place and tries the next one;
- the channel surely can't be made: both go back to their places;
- whether it was made is not known: nobody is told; `Upkeep` looks into the store until it is there, or both marks have lapsed.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from random import Random

from randomchat.clock import Clock
from randomchat.config import WideningSettings
from randomchat.errors import Conflict, Unavailable
from randomchat.ids import ChannelId, NodeId
from randomchat.infra.tasks import Tasks
from randomchat.interfaces.chat import ChatApi, Seat
from randomchat.match.confirmation import Confirmations
from randomchat.match.metrics import MatchMetrics
from randomchat.match.posts import Matched, PostOffice
from randomchat.match.queue import TicketQueue
from randomchat.match.recent import RecentPartners
from randomchat.match.results import Result, ResultStore
from randomchat.match.searches import Mark, Search, Searches
from randomchat.match.tickets import Ticket
from randomchat.match.widening import next_widening_ms

MAKE_S = 10.0
"""How long after the question a channel may be made."""
RETRY_S = 0.5
SEARCH_AGAIN_S = 10.0
"""How often a ticket that asks for nothing less than before searches again, should its partner have been missed."""
AT_ONCE = 256
"""Most searches under way: enough that many channels share one fsync."""
BACK_OFF_S = 0.1
"""Two finders who keep finding each other at the same moment are set apart by a random part of this."""


class Pairing:
    """The matchmaker of one node."""

    def __init__(
        self,
        node: NodeId,
        *,
        queue: TicketQueue,
        results: ResultStore,
        recent: RecentPartners,
        chat: ChatApi,
        searches: Searches,
        confirmations: Confirmations,
        posts: PostOffice,
        clock: Clock,
        widening: WideningSettings,
        metrics: MatchMetrics,
        tasks: Tasks,
    ) -> None:
        self._node = node
        self._queue = queue
        self._results = results
        self._recent = recent
        self._chat = chat
        self._searches = searches
        self._confirmations = confirmations
        self._posts = posts
        self._clock = clock
        self._widening = widening
        self._metrics = metrics
        self._tasks = tasks
        self._random = Random(node)  # noqa: S311 - spreads retries
        self._backlog: deque[Search] = deque()
        self._under_way = 0

    def want(self, search: Search) -> None:
        """Look for a partner as soon as there is room for one more search."""
        if search.wanted or not search.is_free:
            return
        search.wanted = True
        self._backlog.append(search)
        if self._under_way < AT_ONCE:
            self._under_way += 1
            self._tasks.spawn(self._work())

    async def enter(self, search: Search) -> None:
        """Let the search wait in the queue, or take note of who has its place there."""
        search.held_by(await self._queue.enter(search.ticket))
        if search.over:
            await self._queue.leave([search.ticket])

    async def _work(self) -> None:
        try:
            while self._backlog:
                search = self._backlog.popleft()
                try:
                    await self._pair(search)
                finally:
                    search.wanted = False
        finally:
            self._under_way -= 1

    async def _pair(self, search: Search) -> None:
        while search.is_free:
            mark = search.mark = self._confirmations.new_mark()
            self._plan_next(search)
            partner = await self._take_partner(search)
            if partner is None:
                search.release(mark.ask_id)
                return
            if await self._agree(search, partner, mark):
                return
            await self._return(search)

    def _plan_next(self, search: Search) -> None:
        now_ms = self._clock.wall_ms()
        widening_ms = next_widening_ms(search.ticket, self._widening, now_ms)
        wait_s = SEARCH_AGAIN_S if widening_ms is None else min(SEARCH_AGAIN_S, (widening_ms - now_ms) / 1000)
        search.search_at_s = self._clock.boot_s() + wait_s

    async def _take_partner(self, search: Search) -> Ticket | None:
        with search.asks_the_queue():
            try:
                return await self._queue.take_partner(search.ticket)
            except Unavailable:
                search.search_at_s = self._clock.boot_s() + RETRY_S
                return None

    async def _agree(self, search: Search, partner: Ticket, finding: Mark) -> bool:
        """Have the partner confirmed and the channel made; False where the finder is to try another one."""
        common = tuple(sorted(search.ticket.wish.interests & partner.wish.interests))
        not_after_ms = self._clock.wall_ms() + round(MAKE_S * 1000)
        mark = self._confirmations.new_mark(common, Seat(partner.user_id, partner.id))
        if search.mark is not finding:
            return True  # finding one took so long that its own mark lapsed: it is no longer the finder
        search.mark = mark
        agreed, _ = await asyncio.gather(self._confirmations.ask(search.ticket, partner, mark), search.check_session())
        if not agreed:
            search.release(mark.ask_id)
            return False
        if search.over or not search.is_alive or search.mark is not mark:
            self._confirmations.release(partner, mark.ask_id)
            search.release(mark.ask_id)
            return True
        await self._make(search, partner, mark, not_after_ms)
        return True

    async def _return(self, search: Search) -> None:
        """Back to the old place; after a moment, in which others may take the ticket."""
        try:
            await self.enter(search)
        except Unavailable:
            return
        await asyncio.sleep(self._random.uniform(0, BACK_OFF_S))

    async def _make(self, search: Search, partner: Ticket, mark: Mark, not_after_ms: int) -> None:
        try:
            channel_id = await self._create(search.ticket, partner, mark, not_after_ms)
        except Conflict:
            self._metrics.not_made.inc()
            self._confirmations.release(partner, mark.ask_id)
            search.lapse(mark.ask_id)
            return
        except Unavailable:
            self._metrics.not_made.inc()
            return
        self._metrics.matches.inc()
        await self._keep(search.ticket, partner, channel_id, mark.common)
        self._tell(search, partner, channel_id, mark.common)

    async def _create(self, finder: Ticket, partner: Ticket, mark: Mark, not_after_ms: int) -> ChannelId:
        """Make the channel, again and again while there is time: it is one channel, however often it is asked for.

        The store goes by the wall clock, which may be set back; while the marks last, so may this.
        """
        first, second = Seat(finder.user_id, finder.id), Seat(partner.user_id, partner.id)
        until_s = mark.since_s + MAKE_S
        while (left_s := min(not_after_ms / 1000 - self._clock.wall_ms() / 1000, until_s - self._clock.boot_s())) > 0:
            try:
                async with asyncio.timeout(left_s):
                    return await self._chat.create_channel(first, second, not_after_ms=not_after_ms)
            except (Unavailable, TimeoutError):
                await asyncio.sleep(RETRY_S)
        raise Unavailable

    async def _keep(self, finder: Ticket, partner: Ticket, channel_id: ChannelId, common: tuple[str, ...]) -> None:
        """Note the match where the other nodes of both people will look for it, before their places in the queue are free."""
        with contextlib.suppress(Unavailable):  # the match stands all the same; the places lapse
            await asyncio.gather(  # together, so that hardly ever one of them alone hears of it where this node dies
                self._results.put(finder.user_id, Result(finder.id, channel_id, common)),
                self._results.put(partner.user_id, Result(partner.id, channel_id, common)),
            )
            await self._recent.add(finder.user_id, partner.user_id)
            await self._queue.leave([finder, partner])

    def _tell(self, search: Search, partner: Ticket, channel_id: ChannelId, common: tuple[str, ...]) -> None:
        self._searches.finish(search, Result(search.ticket.id, channel_id, common))
        if partner.node == self._node:
            self._searches.matched(partner.user_id, Result(partner.id, channel_id, common))
        else:
            self._posts.send(partner.node, Matched(partner.user_id, partner.id, channel_id, common))
