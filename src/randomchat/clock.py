"""The two clocks: what time it is, and how much time has passed."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """What time it is. Timers are the event loop's own; a test runs both on one simulated time."""

    def wall_ms(self) -> int:
        """Unix milliseconds. May jump, both ways."""
        ...

    def boot_s(self) -> float:
        """Seconds since some moment in the past. Never jumps, and goes on while the machine is suspended."""
        ...


_BOOT_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class SystemClock:
    """The clocks of the machine."""

    def wall_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def boot_s(self) -> float:
        return time.clock_gettime(_BOOT_CLOCK)
