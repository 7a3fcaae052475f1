"""Finds the best partner for a ticket without looking at all that wait."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from itertools import islice

from randomchat.config import WideningSettings
from randomchat.ids import TicketId
from randomchat.match.tickets import Ticket
from randomchat.match.widening import accepts, needs_common_interest, needs_same_language

CANDIDATES = 32
"""Most tickets that are looked at in one list; more than the partners whom a person may have to avoid."""

ListKey = tuple[str, str, bool | str, bool | str]
"""The name of a list: what it is about, the pool, the interest or whether there are any, the language or whether there is one."""
_Place = tuple[int, TicketId]


class TicketIndex:
    """Tickets in lists of equals, each sorted by the wait.

    In one list all name interests or none do, and all name a language or none do. So requirements only shrink towards its
    head: where one ticket refuses the finder, all behind it do so too, except those that share an interest or the language,
    which have lists of their own. `examined` counts the tickets that were looked at.
    """

    def __init__(self, widening: WideningSettings) -> None:
        self.examined = 0
        self._widening = widening
        self._tickets: dict[TicketId, Ticket] = {}
        self._lists: dict[ListKey, list[_Place]] = {}

    def __len__(self) -> int:
        return len(self._tickets)

    def __contains__(self, ticket_id: TicketId) -> bool:
        return ticket_id in self._tickets

    def add(self, ticket: Ticket) -> None:
        self._tickets[ticket.id] = ticket
        for key in lists_of(ticket):
            # Moves what lies behind, at about 8 bytes a nanosecond: nothing beside the rest of a step, even with 20,000 waiting.
            insort(self._lists.setdefault(key, []), (ticket.since_ms, ticket.id))

    def remove(self, ticket_id: TicketId) -> None:
        ticket = self._tickets.pop(ticket_id, None)
        if ticket is None:
            return
        for key in lists_of(ticket):
            places = self._lists[key]
            del places[bisect_left(places, (ticket.since_ms, ticket.id))]
            if not places:
                del self._lists[key]

    def best_partner(self, finder: Ticket, now_ms: int) -> Ticket | None:
        """The most interests in common, then the longest wait."""
        best, best_rank = None, (1, 0, 0)
        for key in lists_for(finder, self._widening, now_ms):
            for ticket in self._acceptable(key, finder, now_ms):
                rank = (-len(finder.wish.interests & ticket.wish.interests), ticket.since_ms, ticket.id)
                if rank < best_rank:
                    best, best_rank = ticket, rank
                if rank[0] == 0:
                    break
        return best

    def _acceptable(self, key: ListKey, finder: Ticket, now_ms: int) -> Iterator[Ticket]:
        """Those at the head of a list who accept the finder, and may meet it; the finder accepts all in the list."""
        for _, ticket_id in islice(self._lists.get(key, ()), CANDIDATES):
            self.examined += 1
            ticket = self._tickets[ticket_id]
            if not accepts(ticket, finder, self._widening, now_ms):
                return
            if finder.may_meet(ticket):
                yield ticket


def lists_of(ticket: Ticket) -> Iterator[ListKey]:
    """The lists of a ticket: by each interest, and one of all; each with its language, and without regard to which it is."""
    pool, language = ticket.wish.pool, ticket.wish.language
    with_language, with_interests = bool(language), bool(ticket.wish.interests)
    yield "all", pool, with_interests, with_language
    if language:
        yield "all", pool, with_interests, language
    for interest in ticket.wish.interests:
        yield "interest", pool, interest, with_language
        if language:
            yield "interest", pool, interest, language


def lists_for(finder: Ticket, widening: WideningSettings, now_ms: int) -> Iterator[ListKey]:
    """The lists of those whom the finder accepts."""
    pool, language = finder.wish.pool, finder.wish.language
    any_language = not needs_same_language(finder, widening, now_ms)
    for interest in finder.wish.interests:
        if language:
            yield "interest", pool, interest, language
        if any_language:
            yield "interest", pool, interest, True
            yield "interest", pool, interest, False
    if needs_common_interest(finder, widening, now_ms):
        return
    for with_interests in (False, True):
        if language:
            yield "all", pool, with_interests, language
        if any_language:
            yield "all", pool, with_interests, True
            yield "all", pool, with_interests, False
