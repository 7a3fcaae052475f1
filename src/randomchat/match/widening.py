"""How a ticket asks for less the longer it waits: a common interest, the same language, then anyone.

Both conditions end on their own, so that whoever was acceptable once stays so. Who names no interest needs none in common, and
who names no language needs none; such a person takes anyone at once.
"""

from __future__ import annotations

from randomchat.config import WideningSettings
from randomchat.match.tickets import Ticket


def needs_common_interest(ticket: Ticket, widening: WideningSettings, now_ms: int) -> bool:
    return bool(ticket.wish.interests) and now_ms < ticket.since_ms + widening.common_interest_s * 1000


def needs_same_language(ticket: Ticket, widening: WideningSettings, now_ms: int) -> bool:
    return bool(ticket.wish.language) and now_ms < ticket.since_ms + widening.same_language_s * 1000


def accepts(ticket: Ticket, other: Ticket, widening: WideningSettings, now_ms: int) -> bool:
    """Whether a ticket takes another one by now. A pair needs both to accept."""
    if needs_common_interest(ticket, widening, now_ms) and ticket.wish.interests.isdisjoint(other.wish.interests):
        return False
    return ticket.wish.language == other.wish.language or not needs_same_language(ticket, widening, now_ms)


def next_widening_ms(ticket: Ticket, widening: WideningSettings, now_ms: int) -> float | None:
    """Unix milliseconds at which a ticket will next ask for less; None where it asks for nothing any more."""
    moments = []
    if needs_common_interest(ticket, widening, now_ms):
        moments.append(ticket.since_ms + widening.common_interest_s * 1000)
    if needs_same_language(ticket, widening, now_ms):
        moments.append(ticket.since_ms + widening.same_language_s * 1000)
    return min(moments, default=None)
