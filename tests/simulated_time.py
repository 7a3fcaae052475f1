"""An event loop whose clock jumps from timer to timer: minutes pass in milliseconds, and the same seed gives the same run."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeVar

T = TypeVar("T")

START_WALL_MS = 1_800_000_000_000
LONGEST_SILENCE_S = 20.0
"""Real seconds without a timer, a socket or a thread after which a simulated run counts as stuck."""


class _JumpingSelector(selectors.DefaultSelector):
    """Where the loop would sleep, time passes at once."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 1_000.0
        self.busy: list[Callable[[], bool]] = []

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = super().select(0)
        while timeout != 0 and not events and any(is_busy() for is_busy in self.busy):
            events = super().select(0.01)
        if events:
            return events
        if timeout is None:
            events = super().select(LONGEST_SILENCE_S)
            assert events, "the simulated run is stuck: no timer, and nobody else is at work"
            return events
        self.now_s += max(0.0, timeout)
        return events


class SimulatedLoop(asyncio.SelectorEventLoop):
    """Runs timers in order, without waiting for them.

    Time stands still while work in the loop's executor is under way, or while one of `busy` says so.
    """

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        self._executor_jobs = 0
        super().__init__(self._jumping)
        self.busy.append(lambda: self._executor_jobs > 0)

    @property
    def busy(self) -> list[Callable[[], bool]]:
        """Questions to threads of the product: is there work under way whose result will enter the loop?"""
        return self._jumping.busy

    def time(self) -> float:
        return self._jumping.now_s

    def run_in_executor(self, executor: Any, func: Callable[..., T], *args: Any) -> asyncio.Future[T]:  # type: ignore[override]
        future = super().run_in_executor(executor, func, *args)
        self._executor_jobs += 1
        future.add_done_callback(self._job_done)
        return future

    def _job_done(self, _: asyncio.Future[Any]) -> None:
        self._executor_jobs -= 1


def simulate(scenario: Coroutine[Any, Any, T]) -> T:
    """Run a scenario on simulated time to its end."""
    failures: list[Mapping[str, Any]] = []
    with asyncio.Runner(loop_factory=SimulatedLoop) as runner:
        runner.get_loop().set_exception_handler(lambda _, context: failures.append(context))
        result = runner.run(scenario)
    assert not failures, failures
    return result


class LoopClock:
    """`Clock` on the time of the running loop. `skew_s`: by how much the wall clock is wrong; may be changed at any time."""

    def __init__(self, skew_s: float = 0.0) -> None:
        self.skew_s = skew_s

    def wall_ms(self) -> int:
        return START_WALL_MS + round((asyncio.get_running_loop().time() + self.skew_s) * 1000)

    def boot_s(self) -> float:
        return asyncio.get_running_loop().time()
