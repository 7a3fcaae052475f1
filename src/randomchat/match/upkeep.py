"""Keeps the searches of this node true: they enter the queue, stay in it, come out of it, and none is left without an answer."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import replace

from randomchat.clock import Clock
from randomchat.errors import Unavailable
from randomchat.ids import UserId
from randomchat.infra.tasks import Tasks
from randomchat.interfaces.chat import ChatApi, Seat
from randomchat.match.pairing import RETRY_S, Pairing
from randomchat.match.queue import TICKET_LEASE_S, TicketQueue
from randomchat.match.recent import RecentPartners
from randomchat.match.results import Result, ResultStore
from randomchat.match.searches import Search, Searches
from randomchat.match.tickets import Ticket

TICK_S = 0.25
RENEW_S = TICKET_LEASE_S / 3
OVERDUE_S = 2.0
"""A pair that has taken so long may have been made by a node that is dead by now."""
ALONE_S = 2.0
"""How long a place outlives its last socket, so that a reconnect keeps it."""


class Upkeep:
    """The steps that a search takes by itself, one at a time."""

    def __init__(
        self,
        *,
        queue: TicketQueue,
        results: ResultStore,
        recent: RecentPartners,
        chat: ChatApi,
        searches: Searches,
        pairing: Pairing,
        clock: Clock,
        tasks: Tasks,
    ) -> None:
        self._queue = queue
        self._results = results
        self._recent = recent
        self._chat = chat
        self._searches = searches
        self._pairing = pairing
        self._clock = clock
        self._tasks = tasks

    async def tick(self) -> None:
        """Look after all searches; to be called every `TICK_S`."""
        now = self._clock.boot_s()
        for search in self._searches:
            self._look_after(search, now)

    def begin(self, search: Search) -> None:
        """A tab has joined: enter the queue, or regain the place with what is now wished."""
        if search.is_home and search.mark is None:
            self._step(search, self._wait_again)
        elif search.holder is None:
            self._step(search, self._enter)

    def send_away(self, code: int) -> None:
        """End all tabs. Whoever comes again begins a new search, or gets what comes of a pair that is being made."""
        dismissed = self._searches.dismiss(code)
        if dismissed:
            self._tasks.spawn(self._leave(*dismissed))

    def _look_after(self, search: Search, now: float) -> None:
        if search.mark is not None:
            if search.mark.until_s <= now:
                self._step(search, self._settle)
        elif not search.tabs and now - search.alone_since_s >= ALONE_S:
            self._step(search, self._abandon)
        elif search.search_at_s <= now and search.is_free:
            self._step(search, self._search_again)

    def _step(self, search: Search, step: Callable[[Search], Awaitable[None]]) -> None:
        if not search.busy:
            search.busy = True
            self._tasks.spawn(self._take(search, step))

    async def _take(self, search: Search, step: Callable[[Search], Awaitable[None]]) -> None:
        try:
            with contextlib.suppress(Unavailable):  # the next round tries again
                await step(search)
        finally:
            search.busy = False

    async def _enter(self, search: Search) -> None:
        """Take the person's place, or find out who has it; then look whether there is a result already.

        In this order: a node that has matched the person stores the result before it gives up the place.
        """
        with search.asks_the_queue():
            await self._take_place(search)
        if search.is_free:
            self._pairing.want(search)

    async def _take_place(self, search: Search) -> None:
        user_id = search.ticket.user_id
        excluded = await self._recent_partners(user_id)
        search.ticket = replace(search.ticket, excluded=excluded)
        holder = await self._queue.enter(search.ticket)
        # A place may be left of a ticket whose owner talks already: its result is none for who has not waited with it.
        result = await self._find_result(search) or await self._find_inherited(search, holder)
        if result is not None:
            await self._queue.leave([search.ticket])
            self._searches.finish(search, result)
        elif search.over:
            await self._queue.leave([search.ticket])
        else:
            search.held_by(holder)

    async def _wait_again(self, search: Search) -> None:
        await self._pairing.enter(search)
        self._pairing.want(search)

    async def _search_again(self, search: Search) -> None:
        """Perhaps an earlier ticket of the person was matched, on a node that has died meanwhile."""
        search.search_at_s = self._clock.boot_s() + RETRY_S
        result = await self._find_result(search)
        if result is None:
            self._pairing.want(search)
        elif search.is_free:
            self._searches.finish(search, result)
            await self._leave(search)

    async def _settle(self, search: Search) -> None:
        """A mark has lapsed: take what the store has for the ticket, or let it wait again. It counts as taken until then."""
        mark = search.mark
        await self._look_for_channel(search)
        if mark is not None:
            search.release(mark.ask_id)
        if not search.over:
            await self._wait_again(search)

    async def _look_for_channel(self, search: Search) -> None:
        """Whoever made the channel may have died before anybody was told."""
        mark = search.mark
        channel_id = await self._chat.find_channel_of_ticket(search.ticket.id)
        if channel_id is None:
            return
        result = Result(search.ticket.id, channel_id, mark.common if mark else ())
        with contextlib.suppress(Unavailable):  # only this node's tabs are told then; the place ends by itself
            await self._keep(search.ticket.user_id, result, mark.other if mark else None)
            await self._queue.leave([search.ticket])
        self._searches.finish(search, result)

    async def _keep(self, user_id: UserId, result: Result, other: Seat | None) -> None:
        """Keep a result for both members: the other one's node may be the one that died."""
        await self._results.put(user_id, result)
        if other is not None and await self._results.find(other.user_id) is None:
            await self._results.put(other.user_id, replace(result, ticket_id=other.ticket_id))

    async def _abandon(self, search: Search) -> None:
        await self._leave(search)
        if not search.tabs and search.mark is None:
            self._searches.remove(search)

    async def _leave(self, *searches: Search) -> None:
        with contextlib.suppress(Unavailable):  # the leases end by themselves
            await self._queue.leave([search.ticket for search in searches])

    async def renew(self) -> None:
        """Keep the places of all searches, and regain those that were lost; to be called every `RENEW_S`."""
        searches = list(self._searches)
        try:
            waiting = await self._queue.renew([search.ticket for search in searches if search.is_home])
        except Unavailable:
            return
        for search in searches:
            if search.over or not search.is_alive:
                continue
            if search.mark is not None:
                self._step(search, self._look_for_result)
            elif not search.is_home:
                self._step(search, self._enter)
            elif search.ticket.id not in waiting or search.has_changed:
                self._step(search, self._wait_again)

    async def _look_for_result(self, search: Search) -> None:
        """Someone has taken the ticket; the post that tells of the result may be lost."""
        result = await self._results.find(search.ticket.user_id)
        if result is not None and result.ticket_id == search.ticket.id:
            self._searches.finish(search, result)
        elif search.mark is not None and self._clock.boot_s() - search.mark.since_s >= OVERDUE_S:
            await self._look_for_channel(search)

    async def _find_result(self, search: Search) -> Result | None:
        """A result that is still to be given: the channel is open, and new to the person or made for one of these tickets."""
        user_id = search.ticket.user_id
        result = await self._results.find(user_id)
        if result is None:
            return None
        membership = await self._chat.find_membership(result.channel_id, user_id)
        if membership is not None and membership.open and (not membership.joined or result.ticket_id in search.ticket_ids):
            return result
        await self._results.drop(user_id, result)
        return None

    async def _find_inherited(self, search: Search, holder: Ticket) -> Result | None:
        """The result of another node's ticket whose place is now this one's: that node may have died before it told anybody."""
        former = search.holder
        if former is None or former.id == search.ticket.id or holder.id != search.ticket.id:
            return None
        channel_id = await self._chat.find_channel_of_ticket(former.id)
        if channel_id is None:
            return None
        membership = await self._chat.find_membership(channel_id, search.ticket.user_id)
        if membership is None or membership.joined or not membership.open:
            return None
        return Result(former.id, channel_id)

    async def _recent_partners(self, user_id: UserId) -> frozenset[UserId]:
        try:
            return await self._recent.list_recent(user_id)
        except Unavailable:
            return frozenset()
