"""Recent partners in memory, shared by the nodes of one process."""

from __future__ import annotations

from collections import OrderedDict, deque

from randomchat.clock import Clock
from randomchat.ids import UserId

_Meeting = tuple[float, UserId]


class MemoryRecentPartners:
    """`RecentPartners` for nodes that share a process."""

    def __init__(self, clock: Clock, *, count: int, hours: float) -> None:
        self._clock = clock
        self._count = count
        self._age_s = hours * 3600
        self._met: OrderedDict[UserId, deque[_Meeting]] = OrderedDict()  # who met someone last stands last

    async def add(self, one: UserId, other: UserId) -> None:
        self._forget_old()
        self._note(one, other)
        self._note(other, one)

    async def list_recent(self, user_id: UserId) -> frozenset[UserId]:
        since = self._clock.boot_s() - self._age_s
        return frozenset(partner for met_at, partner in self._met.get(user_id, ()) if met_at > since)

    def _note(self, user_id: UserId, partner: UserId) -> None:
        meetings = self._met.setdefault(user_id, deque(maxlen=self._count))
        meetings.append((self._clock.boot_s(), partner))
        self._met.move_to_end(user_id)

    def _forget_old(self) -> None:
        since = self._clock.boot_s() - self._age_s
        while self._met:
            user_id, meetings = next(iter(self._met.items()))
            if meetings and meetings[-1][0] > since:
                return
            del self._met[user_id]
