"""What a run of trouble has to tell."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.reliability.checker import Violation

MOST_LINES = 20
AFTERMATH_S = 5.0
"""What begins within this after a fault's end counts as its doing."""


@dataclass(frozen=True)
class Strike:
    """A fault that was made, by its name; in seconds from the beginning of the trouble.

    `ready_s`: from its healing until all was ready; None where nobody waited for that.
    """

    fault: str
    began_s: float
    ended_s: float
    ready_s: float | None = None

    def covers(self, at: float) -> bool:
        return self.began_s <= at <= self.ended_s + AFTERMATH_S + (self.ready_s or 0)


class Wait(NamedTuple):
    """Somebody waited for something, from a moment on (seconds from the beginning of the trouble)."""

    at: float
    seconds: float


@dataclass
class Report:
    """What happened. `complaints`: what a client that keeps the rules should never meet.

    `answers`: from saying something to its acknowledgement. `late`: from that to the connected peer. `outages`: of one tab
    without a live socket.
    """

    strikes: list[Strike] = field(default_factory=list)
    said: int = 0
    acknowledged: int = 0
    resent: int = 0
    searches: int = 0
    half_told: int = 0
    answers: list[Wait] = field(default_factory=list)
    outages: list[Wait] = field(default_factory=list)
    late: list[Wait] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    violations: list[Violation] = field(default_factory=list)

    @property
    def late_s(self) -> list[float]:
        return [wait.seconds for wait in self.late]

    @property
    def worst_outage_s(self) -> float:
        """The longest time of a member without a socket."""
        return worst(self.outages)

    @property
    def passed(self) -> bool:
        return not self.violations and not self.complaints and self.acknowledged == self.said > 0

    def __str__(self) -> str:
        verdict = "passed" if self.passed else "FAILED"
        lines = [
            f"{self.said} messages said, {self.acknowledged} acknowledged, {self.resent} sent again",
            f"{self.searches} searches, {self.half_told} results that only one member was told of",
            *(f"{times} x {fault}" for fault, times in Counter(strike.fault for strike in self.strikes).items()),
            f"{len(self.outages)} connections, the longest time of a member without one {self.worst_outage_s:.2f} s",
            self._lateness(),
            *(f"COMPLAINT {complaint}" for complaint in self.complaints[:MOST_LINES]),
            *(f"VIOLATION {violation}" for violation in self.violations[:MOST_LINES]),
            f"{len(self.violations)} violations, {len(self.complaints)} complaints: {verdict}",
        ]
        return "\n".join(lines)

    def _lateness(self) -> str:
        p50, p99, most = (1000 * percentile(self.late, share) for share in (0.5, 0.99, 1.0))
        return f"from an acknowledgement to the connected peer: p50 {p50:.1f} ms, p99 {p99:.1f} ms, worst {most:.1f} ms"


def worst(waits: list[Wait]) -> float:
    return max((wait.seconds for wait in waits), default=0.0)


def percentile(waits: list[Wait], share: float) -> float:
    """The wait, in seconds, that this share of all does not exceed; 0 where there are none."""
    ordered = sorted(wait.seconds for wait in waits) or [0.0]
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
