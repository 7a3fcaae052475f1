"""Notices when this process can no longer be trusted: it stood still, or its wall clock made a step."""

from __future__ import annotations

from collections.abc import Callable

from randomchat.clock import Clock
from randomchat.ids import NodeId

STANDSTILL_S = 10.0
STEP_MS = 2000
SKEW_MS = 2000
FRESH_S = 10.0
"""For how long a comparison with another node's clock counts."""


class ClockWatch:
    """Compares the clocks from call to call, and with other nodes' clocks.

    A suspended or stopped process wakes up with a backlog of input. So `trustworthy` is asked before anything of it is
    handled, and by a timer at least every few seconds, without which an idle process would look like one that stood still.
    """

    def __init__(self, clock: Clock, on_lost: Callable[[str], None]) -> None:
        """`on_lost` is called with the reason, in a sentence, before `trustworthy` returns False."""
        self._clock = clock
        self._on_lost = on_lost
        self._boot_s = clock.boot_s()
        self._offset_ms = clock.wall_ms() - self._boot_s * 1000
        self._offsets: dict[NodeId, tuple[float, float]] = {}
        self._stepped = False

    def trustworthy(self) -> bool:
        """False, once, where since the last call the process stood still for over 10 s or the wall clock stepped by over 2 s."""
        boot_s = self._clock.boot_s()
        offset_ms = self._clock.wall_ms() - boot_s * 1000
        stood_still_s, step_ms = boot_s - self._boot_s, offset_ms - self._offset_ms
        self._boot_s, self._offset_ms = boot_s, offset_ms
        if abs(step_ms) > STEP_MS:
            self._stepped = True
            self._offsets.clear()
            self._on_lost(f"the wall clock made a step of {step_ms / 1000:.1f} s")
            return False
        if stood_still_s > STANDSTILL_S:
            self._on_lost(f"the process stood still for {stood_still_s:.0f} s")
            return False
        return True

    def compare(self, node: NodeId, sent_ms: int, transit_ms: float) -> None:
        """Take note of another node's clock.

        `sent_ms`: its wall clock when it sent a post that has just come. `transit_ms`: how long a post takes at the moment, as
        this node knows from posts to itself.
        """
        now = self._clock.boot_s()
        offset_ms = self._clock.wall_ms() - sent_ms - transit_ms
        known = self._offsets.get(node)
        # A post may be late but never early: the smallest offset of the last seconds is the nearest to the truth.
        if known is None or now - known[1] > FRESH_S or offset_ms <= known[0]:
            self._offsets[node] = (offset_ms, now)

    def disagreement(self, others: frozenset[NodeId]) -> str | None:
        """Why no socket should be taken: most of the other nodes' clocks differ by over 2 s. None where all is well.

        After a step of the wall clock nothing is taken either until another node's clock was compared, if there are others.
        """
        now = self._clock.boot_s()
        fresh = [offset for node, (offset, at) in self._offsets.items() if node in others and now - at <= FRESH_S]
        if self._stepped and others and not fresh:
            return "the wall clock made a step, and has not been compared with another node's yet"
        self._stepped = False
        apart = [offset for offset in fresh if abs(offset) > SKEW_MS]
        if 2 * len(apart) > len(fresh):
            return f"the wall clock is {max(apart, key=abs) / 1000:.1f} s apart from other nodes'"
        return None
