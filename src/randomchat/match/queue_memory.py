"""The queue in memory, shared by the nodes of one process."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from randomchat.clock import Clock
from randomchat.config import WideningSettings
from randomchat.ids import TicketId, UserId
from randomchat.match.queue import TICKET_LEASE_S
from randomchat.match.ticket_index import TicketIndex
from randomchat.match.tickets import Ticket


class MemoryTicketQueue:
    """`TicketQueue` for nodes that share a process. No call is ever interrupted, so that each is one atomic step."""

    def __init__(self, clock: Clock, widening: WideningSettings) -> None:
        self._clock = clock
        self._widening = widening
        self._waiting = TicketIndex(widening)
        self._places: OrderedDict[UserId, tuple[float, Ticket]] = OrderedDict()  # in the order in which the leases end

    async def enter(self, ticket: Ticket) -> Ticket:
        self._drop_lapsed()
        holder = self._holder(ticket.user_id)
        if holder is not None and holder.node != ticket.node:
            return holder
        if holder is not None:
            self._waiting.remove(holder.id)
        self._lease(ticket)
        self._waiting.add(ticket)
        return ticket

    async def take_partner(self, finder: Ticket) -> Ticket | None:
        self._drop_lapsed()
        if finder.id not in self._waiting:
            return None
        partner = self._waiting.best_partner(finder, self._clock.wall_ms())
        if partner is not None:
            self._waiting.remove(finder.id)
            self._waiting.remove(partner.id)
        return partner

    async def renew(self, tickets: Sequence[Ticket]) -> frozenset[TicketId]:
        self._drop_lapsed()
        held = [ticket for ticket in tickets if self._holds(ticket)]
        for ticket in held:
            self._lease(ticket)
        return frozenset(ticket.id for ticket in held if ticket.id in self._waiting)

    async def leave(self, tickets: Sequence[Ticket]) -> None:
        for ticket in tickets:
            if self._holds(ticket):
                del self._places[ticket.user_id]
                self._waiting.remove(ticket.id)

    def empty(self) -> None:
        """Forget everything, as a store without persistence does when it restarts."""
        self._places.clear()
        self._waiting = TicketIndex(self._widening)

    def put_back(self, ticket: Ticket) -> None:
        """Let a ticket wait that was taken out, as a fail-over to an older copy does."""
        if self._holds(ticket) and ticket.id not in self._waiting:
            self._waiting.add(ticket)

    @property
    def waiting(self) -> int:
        """How many tickets wait."""
        return len(self._waiting)

    @property
    def examined(self) -> int:
        """How many tickets all searches together have looked at."""
        return self._waiting.examined

    def _holder(self, user_id: UserId) -> Ticket | None:
        place = self._places.get(user_id)
        return place[1] if place else None

    def _holds(self, ticket: Ticket) -> bool:
        holder = self._holder(ticket.user_id)
        return holder is not None and holder.id == ticket.id

    def _lease(self, ticket: Ticket) -> None:
        self._places[ticket.user_id] = (self._clock.boot_s() + TICKET_LEASE_S, ticket)
        self._places.move_to_end(ticket.user_id)

    def _drop_lapsed(self) -> None:
        now = self._clock.boot_s()
        while self._places:
            user_id, (ends_at, ticket) = next(iter(self._places.items()))
            if ends_at > now:
                return
            del self._places[user_id]
            self._waiting.remove(ticket.id)
