"""Processes before their engines: each says what it lacks, serves what it can, and becomes ready by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from cluster.engines.cassandra import CassandraEngine
from cluster.engines.engine import Engine
from cluster.engines.kafka import KafkaEngine
from cluster.engines.redis import RedisEngine
from cluster.engines.seaweedfs import SeaweedEngine
from cluster.services import ServiceProcess
from tests.cluster.people import until_named
from tests.deployment import DistributedServer
from tests.http_client import send

STANDS_ON = {
    "web": (),
    "user": ("cassandra", "redis"),
    "match": ("redis", "kafka"),
    "chat": ("cassandra", "redis", "kafka", "s3"),
    "uploader": ("redis", "s3"),
}
SAYS = {
    "cassandra": "Cassandra does not answer at 127.0.0.1",
    "redis": "Redis does not answer at 127.0.0.1",
    "kafka": "Kafka does not answer at 127.0.0.1",
    "s3": "S3 does not answer at http://127.0.0.1",
}

WRITES = {
    "cassandra": "] Cassandra is not usable; trying again",
    "redis": "] Redis is away; trying again",
    "kafka": "] Kafka does not answer at 127.0.0.1",
    "s3": "] S3 is not usable; trying again",
}


@pytest.fixture
def engines(
    kafka_engine: KafkaEngine, cassandra_engine: CassandraEngine, redis_engine: RedisEngine, s3_engine: SeaweedEngine
) -> Iterator[list[Engine]]:
    """All four; they run again at the end."""
    engines: list[Engine] = [kafka_engine, cassandra_engine, redis_engine, s3_engine]
    yield engines
    for engine in engines:
        engine.start()
    for engine in engines:
        engine.wait_until_ready()


@pytest.mark.timeout(180)
async def test_processes_may_start_before_their_engines(site: DistributedServer, engines: list[Engine]) -> None:
    processes = site.services.all
    await asyncio.to_thread(site.stop)
    for engine in engines:
        await asyncio.to_thread(engine.kill)
    written = {process.name: len(text_of(process)) for process in processes}
    site.start()
    for name, checks in STANDS_ON.items():
        for check in checks:
            await until_named(site.services.processes[name], check, SAYS[check])
    assert (await send(site.address, "GET", "/")).status == 200, "pages stand on nothing"
    for engine in reversed(engines):
        await asyncio.to_thread(engine.start)
    await asyncio.to_thread(site.wait_until_ready)
    for process in processes:
        said = text_of(process)[written[process.name] :]
        for check in STANDS_ON[process.service]:
            assert said.count(WRITES[check]) == 1, f"{process.name}: {said}"


def text_of(process: ServiceProcess) -> str:
    return process.log.read_text(errors="replace")
