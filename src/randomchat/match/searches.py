"""The searches of the people whose sockets are on this node."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Protocol

from randomchat.clock import Clock
from randomchat.ids import NodeId, TicketId, UserId, random_id
from randomchat.infra.clock_watch import ClockWatch
from randomchat.interfaces.chat import Seat
from randomchat.match.results import Result
from randomchat.match.tickets import Ticket, Wish


class Tab(Protocol):
    """A socket that waits."""

    @property
    def is_alive(self) -> bool: ...

    def matched(self, result: Result) -> None:
        """The search is over. Called once; returns at once and never raises."""
        ...

    def close(self, code: int) -> None:
        """End the socket with a close code."""
        ...

    async def check_session(self) -> None:
        """End the socket where its person has signed out. Takes a moment at most, and never raises."""
        ...


@dataclass(frozen=True, slots=True)
class Mark:
    """A ticket is taken by an attempt to pair it, be it its own or another ticket's.

    `since_s`, `until_s`: times of `Clock.boot_s`. `other`: with whom, None while the ticket itself looks for somebody.
    """

    ask_id: int
    since_s: float
    until_s: float
    common: tuple[str, ...] = ()
    other: Seat | None = None


class Search:
    """One person's search.

    `ticket`: this node's. `holder`: the ticket that has the person's place in the queue, None until that is known; where it is
    another node's, that node searches, and this one looks out for the result. `ticket_ids`: all tickets whose result is this
    search's. `asking`: ends when the queue has answered a question for a place or a partner. `busy`: one of the steps of
    `Upkeep` is under way. `over`: the tabs were told, or are gone.
    """

    __slots__ = (
        "alone_since_s",
        "asking",
        "busy",
        "holder",
        "mark",
        "over",
        "search_at_s",
        "tabs",
        "ticket",
        "ticket_ids",
        "wanted",
    )

    def __init__(self, ticket: Ticket) -> None:
        self.ticket = ticket
        self.ticket_ids = {ticket.id}
        self.holder: Ticket | None = None
        self.mark: Mark | None = None
        self.asking: asyncio.Future[None] | None = None
        self.tabs: list[Tab] = []
        self.alone_since_s = 0.0
        self.search_at_s = 0.0
        self.busy = False
        self.wanted = False
        self.over = False

    @property
    def is_alive(self) -> bool:
        return any(tab.is_alive for tab in self.tabs)

    @property
    def is_home(self) -> bool:
        """Whether this node's ticket has the person's place."""
        return self.holder is not None and self.holder.id == self.ticket.id

    @property
    def is_free(self) -> bool:
        """Whether it may look for a partner, or be taken by one."""
        return self.mark is None and not self.over and self.is_home and self.is_alive

    @property
    def has_changed(self) -> bool:
        """Whether the wish is newer than the one that waits in the queue."""
        return self.holder is not None and self.holder.wish != self.ticket.wish

    def take(self, mark: Mark) -> bool:
        """Mark the ticket as taken, once; a repeated question of the same attempt gets the same answer."""
        if self.mark is None and self.is_free:
            self.mark = mark
        return self.mark is not None and self.mark.ask_id == mark.ask_id

    async def check_session(self) -> None:
        """Before the person is paired: whoever has signed out in all tabs is not to be met any more."""
        for tab in tuple(self.tabs):
            if tab.is_alive:
                await tab.check_session()
                if tab.is_alive:
                    return

    async def answered(self) -> None:
        """Wait until the queue has answered.

        A ticket that waits for its answer has perhaps been taken out by another one that found it: it will then find nobody, or
        learn that it has had a place.
        """
        while self.asking is not None:
            await asyncio.wait((self.asking,))

    @contextmanager
    def asks_the_queue(self) -> Iterator[None]:
        """While the queue is asked, others who ask for the ticket must wait."""
        asking = self.asking = asyncio.get_running_loop().create_future()
        try:
            yield
        finally:
            self.asking = None
            asking.set_result(None)

    def release(self, ask_id: int) -> None:
        """Let the ticket be had again, if it is that attempt that has it, and surely made nothing of it."""
        if self.mark is not None and self.mark.ask_id == ask_id:
            self.mark = None

    def lapse(self, ask_id: int) -> None:
        """End that attempt's mark at once; the ticket stays taken until the store was asked for its channel."""
        if self.mark is not None and self.mark.ask_id == ask_id:
            self.mark = replace(self.mark, until_s=0.0)

    def held_by(self, holder: Ticket) -> None:
        """Take note of who has the person's place, and how long that person has waited."""
        self.holder = holder
        self.ticket_ids.add(holder.id)
        self.ticket = replace(self.ticket, since_ms=min(self.ticket.since_ms, holder.since_ms))


class Searches:
    """At most one search for each person."""

    def __init__(self, node: NodeId, clock: Clock, watch: ClockWatch) -> None:
        self._node = node
        self._clock = clock
        self._watch = watch
        self._by_user: dict[UserId, Search] = {}

    def __len__(self) -> int:
        return len(self._by_user)

    def __iter__(self) -> Iterator[Search]:
        """Those that there are now; they may be changed meanwhile."""
        return iter(list(self._by_user.values()))

    def find(self, user_id: UserId) -> Search | None:
        return self._by_user.get(user_id)

    def join(self, user_id: UserId, wish: Wish, tab: Tab) -> Search:
        """Let a tab wait in its owner's search. The newest wish is the one that counts."""
        search = self._by_user.get(user_id)
        if search is None:
            search = self._by_user[user_id] = Search(self._new_ticket(user_id, wish))
        search.tabs.append(tab)
        search.ticket = replace(search.ticket, wish=wish)
        return search

    def part(self, search: Search, tab: Tab) -> None:
        search.tabs.remove(tab)
        search.alone_since_s = self._clock.boot_s()

    def remove(self, search: Search) -> None:
        search.over = True
        if self._by_user.get(search.ticket.user_id) is search:
            del self._by_user[search.ticket.user_id]

    def dismiss(self, code: int) -> list[Search]:
        """End all tabs, and the searches that no attempt has, which are returned.

        A marked one stays until its attempt has come to an end: whoever comes again must not be in two pairs.
        """
        dismissed = []
        for search in self:
            for tab in tuple(search.tabs):
                tab.close(code)
            if search.mark is None:
                self.remove(search)
                dismissed.append(search)
            else:  # if the clock was set back, its wait would begin in the future
                search.ticket = replace(search.ticket, since_ms=min(search.ticket.since_ms, self._clock.wall_ms()))
        return dismissed

    def finish(self, search: Search, result: Result) -> None:
        """Tell all tabs, once."""
        if not search.over:
            self.remove(search)
            for tab in search.tabs:
                tab.matched(result)

    def matched(self, user_id: UserId, result: Result) -> None:
        """The channel of a ticket is made: that of a search which may be over by now, and then the result store has it."""
        search = self._by_user.get(user_id)
        if search is not None and result.ticket_id == search.ticket.id:
            self.finish(search, result)

    async def confirm(self, user_id: UserId, ticket_id: TicketId, mark: Mark) -> bool:
        """Confirm that a ticket's socket lives and its person is signed in, and mark it as taken by one attempt."""
        search = self._by_user.get(user_id)
        if search is None or search.ticket.id != ticket_id:
            return False
        await search.answered()
        if search.is_free:
            await search.check_session()
            await search.answered()
        return self._watch.trustworthy() and search.take(mark)

    def lapse(self, user_id: UserId, ask_id: int) -> None:
        search = self._by_user.get(user_id)
        if search is not None:
            search.lapse(ask_id)

    def _new_ticket(self, user_id: UserId, wish: Wish) -> Ticket:
        now_ms = self._clock.wall_ms()
        return Ticket(TicketId(random_id(now_ms)), user_id, self._node, now_ms, wish)
