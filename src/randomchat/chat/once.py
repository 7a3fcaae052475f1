"""What one socket was handed already."""

from __future__ import annotations

from randomchat.chat.domain import Message
from randomchat.ids import side_of

NAMES_S = 60.0
"""For so long at least a name is remembered after a socket came."""


class Once:
    """The filter of one socket: no stored message passes twice.

    It belongs to a socket, not to a channel, since sockets join at different times. It forgets by age, when no sweep can read
    an entry any more, never by number.
    """

    __slots__ = ("_ids", "_named", "_names_due_s")

    def __init__(self) -> None:
        self._names_due_s: float | None = None
        self._ids: set[int] = set()
        self._named: tuple[dict[str, tuple[int, int]], dict[str, tuple[int, int]]] = ({}, {})
        """By side of the sender: client_id → smallest and newest id that was met."""

    def add(self, message: Message) -> bool:
        """Take note of a message, and say whether to hand it out.

        A known (sender, client_id) passes again with a smaller id: clients keep the smallest, which keeps the sender's order.
        """
        fresh = message.id not in self._ids
        self._ids.add(message.id)
        if message.client_id is None:
            return fresh
        named = self._named[side_of(message.id)]
        known = named.get(message.client_id)
        if known is None:
            named[message.client_id] = (message.id, message.id)
            return fresh
        smallest, newest = known
        named[message.client_id] = (min(smallest, message.id), max(newest, message.id))
        return fresh and message.id < smallest

    def has(self, message_id: int) -> bool:
        """Whether the socket was handed that very message lately."""
        return message_id in self._ids

    def forget_before(self, message_id: int, now_s: float) -> None:
        """Drop what is older than an id, the smallest one that a later sweep can read; names stay for a while longer.

        A message that was replayed a moment ago may be old, and its sender, who had no answer either, is about to resend it: that
        is stored under a larger id.
        """
        if not self._ids:
            return
        self._ids = {known for known in self._ids if known >= message_id}
        if self._names_due_s is None or now_s >= self._names_due_s:
            if self._names_due_s is not None:
                self._forget_names(message_id)
            self._names_due_s = now_s + NAMES_S

    def _forget_names(self, before: int) -> None:
        for named in self._named:
            for client_id in [name for name, (_, newest) in named.items() if newest < before]:
                del named[client_id]
