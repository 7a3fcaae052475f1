"""Spares callers the wait for a peer that does not answer."""

from __future__ import annotations

from randomchat.clock import Clock

THRESHOLD = 5
PROBE_EVERY_S = 0.5


class CircuitBreaker:
    """Opens after 5 calls in a row without an answer; then one call every 0.5 s may find out whether the peer is back.

    One answer closes it. There is no state of a probe that is under way: one that hangs, or is given up, holds nobody up.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failures = 0
        self._probe_at_s = 0.0

    @property
    def is_open(self) -> bool:
        return self._failures >= THRESHOLD

    def admits_call(self) -> bool:
        """Whether a call may be made now; where it is the probe, the next one has to wait."""
        if not self.is_open:
            return True
        now_s = self._clock.boot_s()
        if now_s < self._probe_at_s:
            return False
        self._probe_at_s = now_s + PROBE_EVERY_S
        return True

    def note_answer(self) -> None:
        """The peer is there, whatever it said."""
        self._failures = 0

    def note_silence(self) -> None:
        """A call had no answer."""
        self._failures += 1
        if self._failures == THRESHOLD:
            self._probe_at_s = self._clock.boot_s() + PROBE_EVERY_S
