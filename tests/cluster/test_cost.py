"""What a message costs the engines, by their own counters: one write, one record where the members are apart, nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest

from benchmarks.distributed.counters import Counters
from benchmarks.people import pair_up
from benchmarks.targets import Pair, close_all, open_chats
from cluster.engines.cassandra import CassandraEngine
from cluster.engines.kafka import KafkaEngine
from cluster.engines.redis import RedisEngine
from tests.deployment import DistributedServer

PAIRS, RATES, SECONDS = 10, (100.0, 500.0), 4.0
STRAY = 0.02
"""What happens by the clock is not the same in every second."""
STRAY_COMMANDS = 0.05
"""A beat of a node is some ten commands, and one beat more or less comes into the time that is watched."""
ONE, NONE = pytest.approx(1, abs=STRAY), pytest.approx(0, abs=STRAY)


@pytest.fixture
def counters(
    site: DistributedServer, cassandra_engine: CassandraEngine, kafka_engine: KafkaEngine, redis_engine: RedisEngine
) -> Counters:
    return Counters(cassandra_engine, kafka_engine, redis_engine, site.services)


@asynccontextmanager
async def talking_pairs(site: DistributedServer, counters: Counters, nodes: int) -> AsyncIterator[list[Pair]]:
    """Pairs on one node, or with the members on two, once the sweeps that follow their joins are over."""
    chats = [process.port for process in site.services.processes["chat"]]
    swept = counters.count_sweeps()
    doors = await pair_up(urlsplit(site.address).port or 80, PAIRS)
    pairs = await open_chats((chats[0], chats[nodes - 1]), [(one.door, other.door) for one, other in doors])
    try:
        await counters.wait_for_sweeps(swept + 2 * PAIRS * nodes)
        yield pairs
    finally:
        await close_all(pairs)


@pytest.mark.parametrize(("nodes", "records"), [(1, NONE), (2, ONE)], ids=["on one node", "on two nodes"])
async def test_a_message_is_one_write_and_one_record_for_another_node(
    site: DistributedServer, counters: Counters, nodes: int, records: float
) -> None:
    async with talking_pairs(site, counters, nodes) as pairs:
        costs, outcomes = await counters.per_message(pairs, RATES, SECONDS)
    assert [outcome.faults for outcome in outcomes] == [0, 0]
    assert costs.cassandra_writes == ONE
    assert costs.cassandra_statements == ONE
    assert costs.kafka_records == records
    assert costs.redis_commands == pytest.approx(0, abs=STRAY_COMMANDS)
    assert costs.grpc_calls == NONE
