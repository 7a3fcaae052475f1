"""The job that removes what has been kept for long enough."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from randomchat.clock import Clock
from randomchat.config import RetentionSettings
from randomchat.errors import Unavailable

CHUNK = 500
"""Rows of one step: few enough that writes which wait behind it do not notice."""

PAUSE_S = 0.05
_DAY_MS = 86_400_000

DeleteExpired = Callable[[int, int], Awaitable[int]]
"""Takes Unix milliseconds and the most rows to remove; gives how many were removed, 0 where nothing is left."""

_log = structlog.get_logger()


class Retention:
    """Runs at its start and then every `every_s`, in small steps, for one store. `name` is for the log."""

    def __init__(self, name: str, delete_expired: DeleteExpired, settings: RetentionSettings, clock: Clock) -> None:
        self._name = name
        self._delete_expired = delete_expired
        self._settings = settings
        self._clock = clock
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; to be called once, in the event loop."""
        self._task = asyncio.create_task(self._run(), name=f"retention-{self._name}")

    async def stop(self) -> None:
        """Stop, also in the middle of a run: the next one goes on from there."""
        if self._task:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        while True:
            try:
                await self.run_once()
            except Unavailable as error:
                _log.warning("retention was interrupted", store=self._name, error=str(error))
            except Exception:  # noqa: BLE001 - the next run may well succeed
                _log.exception("retention failed", store=self._name)
            await asyncio.sleep(self._settings.every_s)

    async def run_once(self) -> int:
        """Remove all that is older than the settings say; how many rows that were."""
        before_ms = self._clock.wall_ms() - round(self._settings.days * _DAY_MS)
        removed = 0
        while step := await self._delete_expired(before_ms, CHUNK):
            removed += step
            await asyncio.sleep(PAUSE_S)
        if removed:
            _log.info("old entries were removed", store=self._name, rows=removed)
        return removed
