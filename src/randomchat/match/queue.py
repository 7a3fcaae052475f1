"""Port: the people who wait, over all nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from randomchat.ids import TicketId
from randomchat.match.tickets import Ticket

TICKET_LEASE_S = 6.0
"""How long a ticket outlives its last renewal: that of a dead node is gone after this time."""


class TicketQueue(Protocol):
    """One place for each person, held by a ticket; the ticket waits in it, or has been taken out to be paired.

    Ephemeral: it may forget tickets at any moment, and bring back ones that were taken out. So it never decides on a pair; the
    ticket's node does. A place is kept as long as it is renewed, waiting or not. It is what keeps the tabs of one person on two
    nodes together: if it is forgotten while one of them is being matched, the other begins a search of its own.

    Every call raises `Unavailable` where the store does not answer.
    """

    async def enter(self, ticket: Ticket) -> Ticket:
        """Let a ticket wait, at the place that its `since_ms` gives it, for `TICKET_LEASE_S`.

        The answer is the ticket that has the person's place: the one given, which replaces any other one of its node, or the
        ticket of another node, and then nothing has changed.
        """
        ...

    async def take_partner(self, finder: Ticket) -> Ticket | None:
        """One atomic step: drop lapsed tickets, find the best partner for `finder`, and take both out.

        None where nobody fits, or where `finder` does not wait (then someone else has just taken it out). The partner: the
        most interests in common, then the longest wait; of those who may meet, and accept each other by now. The cost does not
        grow with the number of people who wait; to that end a partner may be passed over while many others are in the way.
        """
        ...

    async def renew(self, tickets: Sequence[Ticket]) -> frozenset[TicketId]:
        """Renew the leases of the places that these tickets hold; the ids of those that wait."""
        ...

    async def leave(self, tickets: Sequence[Ticket]) -> None:
        """Give up the places that these tickets hold; others are left alone."""
        ...
