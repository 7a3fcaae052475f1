"""Identifiers: positive 63-bit integers, larger = later; decimal strings on the wire.

A message id holds 42 bits of Unix milliseconds, 1 bit that says which of the channel's two members sent it, and 20 bits of
counter. User, channel and ticket ids hold the same 42 bits of time and 21 random bits; they are inserted if not exists.
"""

from __future__ import annotations

import secrets
from typing import NewType

UserId = NewType("UserId", int)
ChannelId = NewType("ChannelId", int)
MessageId = NewType("MessageId", int)
TicketId = NewType("TicketId", int)
NodeId = NewType("NodeId", str)
"""`<name>-<random>`, new at each start of a process and never used again."""

MAX_ID = (1 << 63) - 1
_TIME_SHIFT = 21
_SIDE_SHIFT = 20
_COUNTER_MASK = (1 << _SIDE_SHIFT) - 1


def random_id(now_ms: int) -> int:
    """A fresh id for anything but a message: `now_ms` (Unix milliseconds) and 21 random bits."""
    return now_ms << _TIME_SHIFT | secrets.randbits(_TIME_SHIFT)


def parse_id(text: str) -> int | None:
    """The id that a decimal string names, or None where it is not one (signs, spaces, leading zeros, 0, over 63 bits)."""
    if not (text.isascii() and text.isdigit()) or len(text) > 19 or text[0] == "0":
        return None
    number = int(text)
    return number if number <= MAX_ID else None


def time_ms_of(some_id: int) -> int:
    """Unix milliseconds at which an id was made."""
    return some_id >> _TIME_SHIFT


def first_id_at(time_ms: float) -> int:
    """The smallest id of a millisecond; 0 for times before the epoch."""
    return max(0, int(time_ms)) << _TIME_SHIFT


def side_of(message_id: int) -> int:
    """Which of the channel's members (0 or 1, in the channel's order) sent a message."""
    return message_id >> _SIDE_SHIFT & 1


class MessageIds:
    """Makes the message ids of one node, for all its channels."""

    def __init__(self) -> None:
        self._counter = secrets.randbits(_SIDE_SHIFT)

    def next(self, *, side: int, now_ms: int, floor: int) -> MessageId:
        """An id of `side` (0 or 1) that is larger than `floor`, the largest id known in the channel.

        Where the clock lags behind the floor, the id takes the floor's next millisecond: were it the floor's successor,
        two nodes at one floor would make the same id.
        """
        self._counter = (self._counter + 1) & _COUNTER_MASK
        tail = side << _SIDE_SHIFT | self._counter
        fresh = now_ms << _TIME_SHIFT | tail
        if fresh <= floor:
            fresh = (time_ms_of(floor) + 1) << _TIME_SHIFT | tail
        return MessageId(fresh)
