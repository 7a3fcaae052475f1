"""Which channel a ticket has, in Cassandra, where one conditional write can't span the two tickets of a pair.

A ticket's row holds its *claim*: a channel, and the partner's ticket. Rows are claimed in the order of the tickets' ids, each by
a conditional write:

1. The smaller ticket's row, if it has no claim. The claim is *pending*: the ticket has no channel yet.
2. The larger ticket's row, if it has no claim and the channel was not *refused* there. With this write both tickets have their
   channel, for good: the smaller one's claim holds because the larger one's names the same channel.

So a claim is final on the larger ticket of its pair, and on the smaller one once the larger one names the same channel. What
stops in between does no harm:

- Whoever makes the channel of the same pair meets the pending claim, takes over its channel, and goes on with step 2.
- Whoever has another use for the ticket waits, as the other may be about to finish. When the claim's time is over, the channel
  is first refused in the larger ticket's row, if that does not name it yet. From then on step 2 can't happen, whoever may still
  try, and however late: only then the claim is removed. Clocks decide how soon this is done, never whether it is right.
- Whoever asks for the channel of a ticket with such a claim does the same. The larger ticket knows of no pending claim: there
  "none" is final since nobody begins a step after its time, and since a serial read ends the writes that are under way.

Nobody waits in a circle: a pending claim waits for a larger ticket only.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass

from randomchat.clock import Clock
from randomchat.errors import Conflict, Unavailable
from randomchat.ids import ChannelId, TicketId
from randomchat.infra.cassandra import Cassandra, Query

POLL_S = 0.05
PATIENCE_S = 3.0
"""For how long a pending claim is waited for in one call."""

_COLUMNS = "SELECT channel_id, partner_id, not_after_ms FROM tickets WHERE ticket_id = ?"
_SELECT = Query(_COLUMNS)
"""May miss a claim that is just being placed, but is in no conditional write's way."""

_SELECT_SERIAL = Query(_COLUMNS, serial=True)

# Never INSERT: that would leave a row without a claim behind.
_CLAIM = Query("""
UPDATE tickets USING TTL ? SET channel_id = ?, partner_id = ?, not_after_ms = ? WHERE ticket_id = ?
IF channel_id = null AND refused[?] = null
""")
_SELECT_REFUSED = Query("SELECT refused[?] FROM tickets WHERE ticket_id = ?", serial=True)
_REFUSE = Query("UPDATE tickets USING TTL ? SET refused[?] = true WHERE ticket_id = ? IF channel_id != ?")
_RELEASE = Query("DELETE channel_id, partner_id, not_after_ms FROM tickets WHERE ticket_id = ? IF channel_id = ?")


@dataclass(frozen=True, slots=True)
class Claim:
    """What a ticket's row says. `not_after_ms`: from then on its maker does not go on."""

    ticket_id: TicketId
    channel_id: ChannelId
    partner_id: TicketId
    not_after_ms: int


class CassandraTickets:
    """Gives two tickets one channel, both or neither. `ttl_s`: for how long that is known."""

    def __init__(self, cassandra: Cassandra, clock: Clock, ttl_s: int) -> None:
        self._cassandra = cassandra
        self._clock = clock
        self._ttl_s = ttl_s

    async def pair(self, tickets: tuple[TicketId, TicketId], channel_id: ChannelId, not_after_ms: int) -> ChannelId:
        """The channel of two tickets: the one that they have, else the given one.

        Raises `Conflict` where one of them has a channel with another ticket; then the given channel is no ticket's and never
        will be. Raises `Unavailable` where they were not paired before `not_after_ms`, and where a pending claim is in the way.
        """
        one, other = sorted(tickets)
        first = Claim(one, channel_id, other, not_after_ms)
        while not await self._place(first):
            found = await self.find_claim(one)
            if found is not None and found.partner_id == other:
                first = found  # of the same pair
                break
            await self._clear(found, not_after_ms)
        last = Claim(other, first.channel_id, one, not_after_ms)
        while not await self._place(last):
            found = await self.find_claim(other)
            if found is not None and found.channel_id == last.channel_id:
                break
            await self._clear_for(first, found, not_after_ms)
        return last.channel_id

    async def find_channel(self, ticket_id: TicketId) -> ChannelId | None:
        """The channel that a ticket has. None is final where the time of whoever tried to pair it is over."""
        claim = await self.find_claim(ticket_id)
        if claim is None:
            return None
        if await self._is_final(claim):
            return claim.channel_id
        if self._clock.wall_ms() <= claim.not_after_ms or await self._void(claim):
            return None
        return claim.channel_id

    async def find_claim(self, ticket_id: TicketId) -> Claim | None:
        """What a ticket's row says. None where no conditional write that is under way can place a claim any more."""
        return await self._glance(ticket_id) or await self._read(_SELECT_SERIAL, ticket_id)

    async def _glance(self, ticket_id: TicketId) -> Claim | None:
        return await self._read(_SELECT, ticket_id)

    async def _read(self, query: Query, ticket_id: TicketId) -> Claim | None:
        rows = await self._cassandra.read(query, (ticket_id,))
        return Claim(ticket_id, *rows[0]) if rows and rows[0][0] is not None else None

    async def _place(self, claim: Claim) -> bool:
        """Write a claim, if there is none and the time allows it. False also where the outcome is unknown: then it shows."""
        if self._clock.wall_ms() > claim.not_after_ms:
            return False
        values = (self._ttl_s, claim.channel_id, claim.partner_id, claim.not_after_ms, claim.ticket_id, claim.channel_id)
        try:
            return await self._cassandra.write_if(_CLAIM, values)
        except Unavailable:  # often there were just too many at once for one row
            return False

    async def _is_final(self, claim: Claim) -> bool:
        """Whether it is known to be; `_void` finds out for sure."""
        if claim.partner_id < claim.ticket_id:
            return True
        partner = await self._glance(claim.partner_id)
        return partner is not None and partner.channel_id == claim.channel_id

    async def _clear_for(self, first: Claim, found: Claim | None, not_after_ms: int) -> None:
        """Remove what keeps the larger ticket from its claim; where that can't be, an error says so."""
        if found is None and await self._is_refused(first):
            await self._release(first)
            raise Unavailable  # another channel has to be tried
        try:
            await self._clear(found, not_after_ms)
        except Conflict:
            await self._release(first)  # nobody can go on with it, as the larger ticket is taken for good
            raise

    async def _is_refused(self, first: Claim) -> bool:
        rows = await self._cassandra.read(_SELECT_REFUSED, (first.channel_id, first.partner_id))
        return bool(rows and rows[0][0])

    async def _clear(self, found: Claim | None, not_after_ms: int) -> None:
        """Make room for a claim that could not be placed.

        Raises `Conflict` where another pair's is final, `Unavailable` where there is no time left, or too much to wait for.
        """
        if found is not None:
            await self._wait_until_settled(found)
        if self._clock.wall_ms() > not_after_ms:
            raise Unavailable("The channel could not be made in time.")

    async def _wait_until_settled(self, claim: Claim) -> None:
        """Return when a claim was removed. Raises `Conflict` where it has become final."""
        loop = asyncio.get_running_loop()
        end_s = loop.time() + PATIENCE_S
        while not await self._is_final(claim):
            if self._clock.wall_ms() > claim.not_after_ms:
                if await self._void(claim):
                    return
                break
            if loop.time() > end_s:
                raise Unavailable
            await asyncio.sleep(POLL_S)
            if await self._glance(claim.ticket_id) != claim:
                return
        raise Conflict

    async def _void(self, claim: Claim) -> bool:
        """End a pending claim; False where it is final after all."""
        values = (self._ttl_s, claim.channel_id, claim.partner_id, claim.channel_id)
        if not await self._cassandra.write_if(_REFUSE, values):
            return False
        await self._release(claim)
        return True

    async def _release(self, claim: Claim) -> None:
        with suppress(Unavailable):  # whoever meets it finds that it is void
            await self._cassandra.write_if(_RELEASE, (claim.ticket_id, claim.channel_id))
