"""The background work of one node."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine

import structlog

_log = structlog.get_logger(__name__)


class Tasks:
    """Keeps tasks alive until they end, and reports those that fail."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._running)

    def spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Do something that comes to an end."""
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._ended)
        return task

    async def close(self, patience_s: float) -> None:
        """Wait a while for what is under way, then cancel it."""
        if self._running:
            _, late = await asyncio.wait(self._running, timeout=patience_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _log.error("background work failed", exc_info=task.exception())


class Loops:
    """Work that is repeated for as long as the node lives. A round that fails is reported, and the next one is tried."""

    def __init__(self) -> None:
        self._running: list[asyncio.Task[None]] = []

    def repeat(self, work: Callable[[], Awaitable[None]], every_s: float) -> None:
        """Do it again and again, with a pause before each round."""
        self._running.append(asyncio.create_task(self._repeat(work, every_s)))

    def cancel(self) -> None:
        """Stop at once, even in the middle of a round."""
        for task in self._running:
            task.cancel()

    async def close(self) -> None:
        """Stop, and wait until that is done."""
        self.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _repeat(self, work: Callable[[], Awaitable[None]], every_s: float) -> None:
        while True:
            await asyncio.sleep(every_s)
            try:
                await work()
            except Exception:  # noqa: BLE001 - without it the node would go on, and nobody would know what it lacks
                _log.exception("a round of background work failed")
