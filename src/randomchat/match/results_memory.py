"""Match results in memory, shared by the nodes of one process."""

from __future__ import annotations

from collections import OrderedDict

from randomchat.clock import Clock
from randomchat.ids import UserId
from randomchat.match.results import Result


class MemoryResultStore:
    """`ResultStore` for nodes that share a process."""

    def __init__(self, clock: Clock, ttl_s: float) -> None:
        self._clock = clock
        self._ttl_s = ttl_s
        self._results: OrderedDict[UserId, tuple[float, Result]] = OrderedDict()  # in the order in which they end

    async def put(self, user_id: UserId, result: Result) -> None:
        self._drop_old()
        self._results[user_id] = (self._clock.boot_s() + self._ttl_s, result)
        self._results.move_to_end(user_id)

    async def find(self, user_id: UserId) -> Result | None:
        self._drop_old()
        kept = self._results.get(user_id)
        return kept[1] if kept else None

    async def drop(self, user_id: UserId, result: Result) -> None:
        if await self.find(user_id) == result:
            del self._results[user_id]

    def empty(self) -> None:
        """Forget everything, as a store without persistence does when it restarts."""
        self._results.clear()

    def _drop_old(self) -> None:
        now = self._clock.boot_s()
        while self._results:
            user_id, (ends_at, _) = next(iter(self._results.items()))
            if ends_at > now:
                return
            del self._results[user_id]
