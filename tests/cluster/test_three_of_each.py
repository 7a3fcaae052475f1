"""Three Kafka brokers, three Cassandra nodes, a replica for each Redis master: one of them dies under load, and is back later.

Takes minutes, so that it belongs to `make test-cluster` alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from cluster.child import Child
from cluster.engines.all import Engines
from cluster.services import Services
from tests.deployment import FOR_TESTS, DistributedServer
from tests.engines import fetched
from tests.reliability.faults import Emptied, Fault, Frozen, Killed, Restarted
from tests.reliability.ordeal import Ordeal, Plan
from tests.reliability.report import Report

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

PLAN = Plan(seconds=0, seed=5, pairs=6, rate=50, strikes=3, down_s=(8, 12), waits=1, most_late_s=15)
SWEPT = replace(PLAN, quiet_s=75)
"""A row whose write had no answer may appear once its node is back, under the older of two ids; the next sweep brings it."""
BACK_S = 5.0
SETTLED_S = 5.0
"""From a broker's death until its leaders are elsewhere."""


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    with Engines(tmp_path_factory.mktemp("engines"), lambda who, what: None, three=True) as engines:
        fetched(engines)
        engines.start()
        yield engines
    engines.wipe()


@pytest.fixture(scope="module")
def services(engines: Engines, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DistributedServer]:
    services = Services(tmp_path_factory.mktemp("services"), engines.settings_tree(), settings=FOR_TESTS)
    try:
        services.migrate()
        yield DistributedServer(services)
    finally:
        services.close()


@pytest.fixture
def site(services: DistributedServer, engines: Engines) -> DistributedServer:
    for engine in engines.all:
        engine.start()
        engine.wait_until_ready()
    services.start()
    services.wait_until_ready()
    return services


async def endured(site: DistributedServer, faults: Sequence[Fault], plan: Plan = PLAN) -> Report:
    report = await Ordeal(site, plan, faults).run()
    print(report)
    assert report.passed, str(report)
    assert len(report.strikes) == plan.strikes
    return report


def of_each(nodes: Sequence[Child]) -> list[Fault]:
    return [Killed(node) for node in nodes]


# ---------------------------------------------------------------- one of three
async def test_nothing_is_lost_when_a_kafka_broker_dies(site: DistributedServer, engines: Engines) -> None:
    await endured(site, of_each(engines.kafka.nodes))


async def test_processes_are_ready_while_any_one_of_three_brokers_is_away(site: DistributedServer, engines: Engines) -> None:
    for broker in engines.kafka.nodes:
        broker.kill()
        site.wait_until_ready()
        await asyncio.sleep(SETTLED_S)
        for process in site.services.processes["chat"] + site.services.processes["match"]:
            assert process.readiness()["kafka"] == "ok"
        broker.start()
        engines.kafka.wait_until_ready()


async def test_nothing_is_lost_when_a_cassandra_node_dies(site: DistributedServer, engines: Engines) -> None:
    await endured(site, of_each(engines.cassandra.nodes), SWEPT)


async def test_nothing_is_lost_when_a_redis_master_dies_and_its_replica_takes_over(
    site: DistributedServer, engines: Engines
) -> None:
    masters = [engines.redis.nodes[number] for number in engines.redis.masters()]
    await endured(site, of_each(masters))
    assert {engines.redis.nodes.index(master) for master in masters} != set(engines.redis.masters())


async def test_nothing_is_lost_when_one_of_each_stands_still(site: DistributedServer, engines: Engines) -> None:
    await endured(site, [Frozen(engine.nodes[0]) for engine in (engines.kafka, engines.cassandra, engines.redis)], SWEPT)


async def test_nothing_is_lost_when_redis_is_emptied_again_and_again(site: DistributedServer, engines: Engines) -> None:
    await endured(site, [Emptied(engines.redis)], replace(PLAN, strikes=5, down_s=(3, 6)))


# ---------------------------------------------------------------- each process of ours
@pytest.mark.parametrize("kind", [Restarted, Killed])
async def test_nothing_is_lost_while_every_process_goes_and_comes(
    site: DistributedServer, kind: type[Restarted | Killed]
) -> None:
    processes = site.services.all
    plan = replace(PLAN, strikes=len(processes), down_s=(0, 2))
    report = await endured(site, [kind(process) for process in processes], plan)
    assert report.worst_outage_s < BACK_S, str(report)
