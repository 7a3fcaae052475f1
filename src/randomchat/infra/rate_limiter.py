"""Port: how often something may happen, counted over all processes of a service."""

from __future__ import annotations

from typing import Protocol


class RateLimiter(Protocol):
    """Counts events by key in a sliding window. Ephemeral: a lost count lets more through, never less."""

    async def take(self, key: str, *, limit: int, window_s: float) -> float | None:
        """Count one event of `key`, unless `limit` of them happened in the last `window_s` seconds.

        None where it was counted; else the seconds after which it is worth trying again, and nothing is counted. Where the
        store does not answer, the event passes.
        """
        ...
