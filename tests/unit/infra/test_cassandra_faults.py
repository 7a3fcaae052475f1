"""The connection to a Cassandra that is away at first, dies, and stands still."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Awaitable, Iterator

import pytest
from structlog.testing import capture_logs

from cluster.engines.cassandra import CassandraEngine
from randomchat.config import CassandraSettings
from randomchat.errors import Unavailable
from randomchat.infra.cassandra import Cassandra, Query
from randomchat.infra.cassandra_schema import CassandraSchema, migrate
from tests.cassandra_keyspace import connected, started, until_ready, unused_keyspace
from tests.engines import running_engine

pytestmark = pytest.mark.cluster

NOTES = CassandraSchema("notes", [["CREATE TABLE IF NOT EXISTS notes (shelf int, id bigint, PRIMARY KEY (shelf, id))"]])
INSERT = Query("INSERT INTO notes (shelf, id) VALUES (1, ?) USING TTL 600")
SELECT = Query("SELECT id FROM notes WHERE shelf = 1")
TIMEOUT_S = 1.0
SLACK_S = 3.0
"""How much later than it should a call may end here, where others compute too."""

BACK_WITHIN_S = 20.0
UNSURE_S = 0.3
"""A node that is killed loses what it acknowledged within its last tenth of a second, unless there are other copies."""

CALLERS = 50


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CassandraEngine]:
    """One that may be killed."""
    yield from running_engine(CassandraEngine(tmp_path_factory.mktemp("cassandra")))


@pytest.fixture
def settings(engine: CassandraEngine) -> Iterator[CassandraSettings]:
    yield unused_keyspace(engine.settings).model_copy(update={"timeout_s": TIMEOUT_S})
    engine.resume()
    restart(engine)


@pytest.fixture
async def cassandra(settings: CassandraSettings) -> AsyncIterator[Cassandra]:
    await migrate(settings, [NOTES])
    async with connected(settings) as cassandra:
        await cassandra.write(INSERT, (0,))
        yield cassandra


def restart(engine: CassandraEngine) -> None:
    engine.start()
    engine.wait_until_ready()


async def seconds_until_refused(call: Awaitable[object]) -> float:
    began = asyncio.get_running_loop().time()
    with pytest.raises(Unavailable):
        await call
    return asyncio.get_running_loop().time() - began


async def test_a_cluster_that_is_away_at_first_is_found_when_it_comes(
    engine: CassandraEngine, settings: CassandraSettings
) -> None:
    await asyncio.to_thread(engine.kill)
    with capture_logs() as logs:
        async with started(Cassandra(settings)) as cassandra:
            cassandra.expect(NOTES)
            await asyncio.sleep(1.0)  # many looks
            with pytest.raises(Unavailable, match=f"Cassandra does not answer at 127.0.0.1:{settings.port}"):
                await cassandra.check()
            assert await seconds_until_refused(cassandra.read(SELECT)) < TIMEOUT_S / 2, "at once"
            await asyncio.to_thread(restart, engine)
            await migrate(settings, [NOTES])
            await until_ready(cassandra, BACK_WITHIN_S)
            await cassandra.write(INSERT, (1,))
    said = [log["event"] for log in logs if log["event"].startswith("Cassandra")]
    assert said[0] == "Cassandra is not usable; trying again"
    assert len(said) <= 6, "a line when something changes, not one for each look"


async def test_who_leaves_before_the_cluster_was_found_can_go(engine: CassandraEngine, settings: CassandraSettings) -> None:
    await asyncio.to_thread(engine.pause)
    async with started(Cassandra(settings)):
        await asyncio.sleep(0.1)


async def stand_still(engine: CassandraEngine, cassandra: Cassandra) -> None:
    """The node stops when all its threads have heard of it."""
    await asyncio.to_thread(engine.pause)
    with contextlib.suppress(Unavailable):
        while True:
            await cassandra.write(INSERT, (0,))


async def stored_in(cassandra: Cassandra) -> set[int]:
    """A node that has just been started is slow to answer."""
    async with asyncio.timeout(30):
        while True:
            with contextlib.suppress(Unavailable):
                return {number for (number,) in await cassandra.read(SELECT)}


class Load:
    """Callers that write on and on."""

    def __init__(self, cassandra: Cassandra) -> None:
        self._cassandra = cassandra
        self._numbers = itertools.count(1)
        self._over = asyncio.Event()
        self._callers = [asyncio.create_task(self._write_on()) for _ in range(CALLERS)]
        self.acknowledged: dict[int, float] = {}
        self.waits_s: list[float] = []
        self.refused = 0

    async def _write_on(self) -> None:
        loop = asyncio.get_running_loop()
        while not self._over.is_set():
            number, began_s = next(self._numbers), loop.time()
            try:
                await self._cassandra.write(INSERT, (number,))
                self.acknowledged[number] = loop.time()
            except Unavailable:
                self.refused += 1
            self.waits_s.append(loop.time() - began_s)
            await asyncio.sleep(0.02)

    async def end(self) -> None:
        self._over.set()
        await asyncio.gather(*self._callers)


async def test_killed_under_load_it_refuses_in_time_and_has_what_it_acknowledged(
    engine: CassandraEngine, cassandra: Cassandra
) -> None:
    load = Load(cassandra)
    await asyncio.sleep(1.0)
    killed_s = asyncio.get_running_loop().time()
    await asyncio.to_thread(engine.kill)
    await asyncio.sleep(1.0)
    assert load.refused
    await asyncio.to_thread(restart, engine)
    back_s = asyncio.get_running_loop().time()
    await until_ready(cassandra, BACK_WITHIN_S)
    await asyncio.sleep(0.5)
    await load.end()
    assert max(load.waits_s) < TIMEOUT_S + SLACK_S
    sure = {number for number, at_s in load.acknowledged.items() if at_s < killed_s - UNSURE_S or at_s > back_s}
    assert any(load.acknowledged[number] > back_s for number in sure)
    assert sure <= await stored_in(cassandra)


async def test_stopped_under_load_it_has_all_that_it_acknowledged(engine: CassandraEngine, cassandra: Cassandra) -> None:
    load = Load(cassandra)
    await asyncio.sleep(0.5)
    await asyncio.to_thread(engine.stop)
    await asyncio.to_thread(restart, engine)
    await until_ready(cassandra, BACK_WITHIN_S)
    await load.end()
    assert load.refused
    assert max(load.waits_s) < TIMEOUT_S + SLACK_S
    assert set(load.acknowledged) <= await stored_in(cassandra)


async def test_a_cluster_that_stands_still_costs_no_more_than_the_time_limit(
    engine: CassandraEngine, cassandra: Cassandra
) -> None:
    await stand_still(engine, cassandra)
    waits_s = await asyncio.gather(*(seconds_until_refused(cassandra.write(INSERT, (n,))) for n in range(CALLERS)))
    assert max(waits_s) < TIMEOUT_S + SLACK_S
    await asyncio.to_thread(engine.resume)
    await until_ready(cassandra, BACK_WITHIN_S)
    await cassandra.write(INSERT, (1,))


async def test_the_wait_for_a_turn_counts_in_the_time(engine: CassandraEngine, settings: CassandraSettings) -> None:
    await migrate(settings, [NOTES])
    async with connected(settings.model_copy(update={"in_flight": 1})) as cassandra:
        await cassandra.write(INSERT, (0,))
        await stand_still(engine, cassandra)
        waits_s = await asyncio.gather(*(seconds_until_refused(cassandra.write(INSERT, (n,))) for n in range(CALLERS)))
    assert max(waits_s) < TIMEOUT_S + SLACK_S
