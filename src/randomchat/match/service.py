"""Lets people wait on this node, and sends them away."""

from __future__ import annotations

from randomchat.clock import Clock
from randomchat.config import LimitSettings
from randomchat.errors import Close, Overloaded
from randomchat.ids import UserId
from randomchat.match.searches import Search, Searches, Tab
from randomchat.match.tickets import Wish
from randomchat.match.upkeep import Upkeep


class MatchService:
    """The search of each person with a tab on this node."""

    def __init__(self, searches: Searches, upkeep: Upkeep, clock: Clock, limits: LimitSettings) -> None:
        self._searches = searches
        self._upkeep = upkeep
        self._clock = clock
        self._limits = limits
        self._draining = False

    def admit(self) -> None:
        """Raise `Overloaded` where nobody may come in any more."""
        if self._draining:
            raise Overloaded("The server is going away; try again in a moment.")

    def join(self, user_id: UserId, wish: Wish, tab: Tab) -> Search:
        """Begin a person's search, or let one more tab wait in it."""
        search = self._searches.join(user_id, wish, tab)
        if self._limits.enabled:
            alive = [other for other in search.tabs if other.is_alive]
            for oldest in alive[: -self._limits.sockets_per_user]:
                oldest.close(Close.SURPLUS)
        if self._draining:
            tab.close(Close.GOING_AWAY)
        else:
            self._upkeep.begin(search)
        return search

    def part(self, search: Search, tab: Tab) -> None:
        """A tab is gone; the search outlives the last one by a moment."""
        self._searches.part(search, tab)

    def waited_ms(self, search: Search) -> int:
        return max(0, self._clock.wall_ms() - search.ticket.since_ms)

    def drain(self) -> None:
        """Send all tabs away. Those in a pair that is being made get their result from the next node."""
        self._draining = True
        self._upkeep.send_away(Close.GOING_AWAY)
