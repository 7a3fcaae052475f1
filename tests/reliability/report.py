"""What a run of trouble has to tell."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from tests.reliability.checker import Violation

MOST_LINES = 20


@dataclass(frozen=True)
class Strike:
    """A fault that was made, by its name; in seconds from the beginning of the trouble."""

    fault: str
    began_s: float
    ended_s: float


@dataclass
class Report:
    """What happened. `complaints`: what a client that keeps the rules should never meet."""

    strikes: list[Strike] = field(default_factory=list)
    said: int = 0
    acknowledged: int = 0
    resent: int = 0
    outages_s: list[float] = field(default_factory=list)
    late_s: list[float] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    violations: list[Violation] = field(default_factory=list)

    @property
    def worst_outage_s(self) -> float:
        """The longest time of a member without a socket."""
        return max(self.outages_s, default=0.0)

    @property
    def passed(self) -> bool:
        return not self.violations and not self.complaints and self.acknowledged == self.said > 0

    def __str__(self) -> str:
        verdict = "passed" if self.passed else "FAILED"
        lines = [
            f"{self.said} messages said, {self.acknowledged} acknowledged, {self.resent} sent again",
            *(f"{times} x {fault}" for fault, times in Counter(strike.fault for strike in self.strikes).items()),
            f"{len(self.outages_s)} connections, the longest time of a member without one {self.worst_outage_s:.2f} s",
            self._lateness(),
            *(f"COMPLAINT {complaint}" for complaint in self.complaints[:MOST_LINES]),
            *(f"VIOLATION {violation}" for violation in self.violations[:MOST_LINES]),
            f"{len(self.violations)} violations, {len(self.complaints)} complaints: {verdict}",
        ]
        return "\n".join(lines)

    def _lateness(self) -> str:
        late = sorted(1000 * seconds for seconds in self.late_s) or [0.0]
        p50, p99 = late[len(late) // 2], late[len(late) * 99 // 100]
        return f"from an acknowledgement to the connected peer: p50 {p50:.1f} ms, p99 {p99:.1f} ms, worst {late[-1]:.1f} ms"
