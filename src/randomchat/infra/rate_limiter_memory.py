"""Rate limits in memory, for one process."""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field

from randomchat.clock import Clock

_MAX_EVENTS = 200_000


@dataclass(slots=True)
class _Window:
    """The times of a key's counted events, oldest first, in seconds of the boot clock."""

    length_s: float
    times: deque[float] = field(default_factory=deque)

    def drop_before(self, time_s: float) -> int:
        dropped = 0
        while self.times and self.times[0] <= time_s:
            self.times.popleft()
            dropped += 1
        return dropped


class MemoryRateLimiter:
    """`RateLimiter` for one process.

    Remembers at most `max_events` events, over all keys: where more happen within their windows, the keys that have been quiet
    for longest are forgotten. Each key is to be used with one window.
    """

    def __init__(self, clock: Clock, max_events: int = _MAX_EVENTS) -> None:
        self._clock = clock
        self._max_events = max_events
        self._windows: OrderedDict[str, _Window] = OrderedDict()
        self._count = 0

    async def take(self, key: str, *, limit: int, window_s: float) -> float | None:
        now = self._clock.boot_s()
        window = self._windows.get(key) or _Window(window_s)
        self._count -= window.drop_before(now - window_s)
        if len(window.times) >= limit:
            return window.times[-limit] + window_s - now
        window.times.append(now)
        self._count += 1
        self._windows[key] = window
        self._windows.move_to_end(key)
        self._forget(now)
        return None

    def __len__(self) -> int:
        """How many events are remembered."""
        return self._count

    def _forget(self, now: float) -> None:
        """Drop the quietest keys while they are out of their window, or while there are too many events."""
        while self._windows:
            key, window = next(iter(self._windows.items()))
            lapsed = window.times[-1] <= now - window.length_s
            if not lapsed and self._count <= self._max_events:
                return
            self._count -= len(window.times)
            del self._windows[key]
