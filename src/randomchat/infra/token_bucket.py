"""A rate of one connection, counted in this process."""

from __future__ import annotations


class TokenBucket:
    """Lets `burst` events pass at once, and `per_second` of them in the long run."""

    __slots__ = ("_at_s", "_burst", "_per_second", "_tokens")

    def __init__(self, per_second: float, burst: float, now_s: float) -> None:
        self._per_second, self._burst = per_second, burst
        self._tokens, self._at_s = burst, now_s

    def take(self, now_s: float) -> float:
        """Take one token: 0.0 where there was one, else the seconds (1 ms or more) to wait for one, and nothing is taken."""
        self._tokens = min(self._burst, self._tokens + (now_s - self._at_s) * self._per_second)
        self._at_s = now_s
        if self._tokens >= 1:
            self._tokens -= 1
            return 0.0
        return max(0.001, (1 - self._tokens) / self._per_second)

    def spend(self, count: float, now_s: float) -> float:
        """Take that many, on credit where there are too few: 0.0, or the seconds until the debt is paid."""
        self._tokens = min(self._burst, self._tokens + (now_s - self._at_s) * self._per_second) - count
        self._at_s = now_s
        return max(0.0, -self._tokens / self._per_second)
