"""The retention job, on simulated time."""

import asyncio
import itertools

from randomchat.config import RetentionSettings
from randomchat.errors import Unavailable
from randomchat.infra.retention import CHUNK, Retention
from tests.simulated_time import LoopClock, simulate

EVERY_S = 3600
SETTINGS = RetentionSettings(days=7, every_s=EVERY_S)
WEEK_MS = 7 * 86_400_000


class Store:
    """Entries that are to be removed. `failures` are raised first, one a call."""

    def __init__(self, entries: int, failures: tuple[Exception, ...] = ()) -> None:
        self.entries = entries
        self.failures = list(failures)
        self.calls: list[tuple[float, int]] = []

    async def delete_expired(self, before_ms: int, limit: int) -> int:
        self.calls.append((asyncio.get_running_loop().time(), before_ms))
        if self.failures:
            raise self.failures.pop(0)
        removed = min(self.entries, limit)
        self.entries -= removed
        return removed


def job(store: Store) -> Retention:
    return Retention("test", store.delete_expired, SETTINGS, LoopClock())


def test_everything_that_is_old_goes_in_steps_with_pauses() -> None:
    async def scenario() -> None:
        store = Store(entries=3 * CHUNK + 1)
        assert await job(store).run_once() == 3 * CHUNK + 1
        times = [time for time, _ in store.calls]
        assert len(times) == 5, "four steps, and one that finds nothing"
        assert all(later > earlier for earlier, later in itertools.pairwise(times))

    simulate(scenario())


def test_old_is_what_is_older_than_the_settings_say() -> None:
    async def scenario() -> None:
        store = Store(entries=0)
        await job(store).run_once()
        assert store.calls[0][1] == LoopClock().wall_ms() - WEEK_MS

    simulate(scenario())


def test_it_runs_at_the_start_and_again_and_again() -> None:
    async def scenario() -> None:
        store = Store(entries=0)
        retention = job(store)
        retention.start()
        await asyncio.sleep(2.5 * EVERY_S)
        await retention.stop()
        first = store.calls[0][0]
        assert [round(time - first) for time, _ in store.calls] == [0, EVERY_S, 2 * EVERY_S]

    simulate(scenario())


def test_it_goes_on_after_a_failure() -> None:
    async def scenario() -> None:
        store = Store(entries=10, failures=(Unavailable(), ValueError()))
        retention = job(store)
        retention.start()
        await asyncio.sleep(2.5 * EVERY_S)
        await retention.stop()
        assert store.entries == 0

    simulate(scenario())


def test_it_can_be_stopped_in_the_middle_of_a_run() -> None:
    async def scenario() -> None:
        store = Store(entries=1000 * CHUNK)
        retention = job(store)
        retention.start()
        await asyncio.sleep(1)
        await retention.stop()
        left = store.entries
        assert 0 < left < 1000 * CHUNK
        await asyncio.sleep(2 * EVERY_S)
        assert store.entries == left

    simulate(scenario())


def test_stopping_what_never_started_is_no_error() -> None:
    async def scenario() -> None:
        await job(Store(entries=0)).stop()

    simulate(scenario())
