"""What a message costs in requests, by the engines' own counters."""

from __future__ import annotations

import asyncio
import http.client
import time
from collections.abc import Sequence
from dataclasses import astuple, dataclass

import acsylla
from confluent_kafka import Consumer, TopicPartition
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.open_loop import Load, OpenLoop, Outcome
from benchmarks.targets import Pair
from cluster.engines.cassandra import CassandraEngine
from cluster.engines.kafka import KafkaEngine
from cluster.engines.redis import RedisEngine
from cluster.services import ServiceProcess, Services
from randomchat.infra.cassandra_session import session_in

TOPICS = "randomchat."
OUR_OWN = "cmdstat_info"
"""Of Redis: how its counters are read."""
KAFKA_S = 5.0
SWEEPS, CALLS = "randomchat_chat_sweeps_total", "randomchat_grpc_calls_total"
SWEEPS_S = 30.0


@dataclass(frozen=True)
class Counts:
    """Requests: in all, in a second, or for each message."""

    cassandra_writes: float
    cassandra_statements: float
    """Whatever a client asked for: writes too."""
    kafka_records: float
    redis_commands: float
    grpc_calls: float

    def minus(self, other: Counts) -> Counts:
        return Counts(*(mine - theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True)))

    def over(self, number: float) -> Counts:
        return Counts(*(count / number for count in astuple(self)))


@dataclass(frozen=True)
class _Watched:
    """What was counted in a second of a load, and how many messages that second had."""

    counts: Counts
    rate: float
    outcome: Outcome


class Counters:
    """Reads them."""

    def __init__(self, cassandra: CassandraEngine, kafka: KafkaEngine, redis: RedisEngine, services: Services) -> None:
        self._cassandra, self._kafka, self._redis, self._services = cassandra, kafka, redis, services
        self._topic_ends: dict[str, int] = {}

    async def read(self) -> Counts:
        writes, statements = await self._count_cassandra()
        return Counts(
            cassandra_writes=writes,
            cassandra_statements=statements,
            kafka_records=await asyncio.to_thread(self._count_kafka_records),
            redis_commands=await asyncio.to_thread(self._count_redis_commands),
            grpc_calls=await asyncio.to_thread(self._sum_metric, ("user", "chat"), CALLS),
        )

    async def per_message(
        self, pairs: Sequence[Pair], rates: tuple[float, float], seconds: float
    ) -> tuple[Counts, list[Outcome]]:
        """What one more message costs: the slope between two rates, so that what happens by the clock falls out."""
        few, many = (Load(rate, seconds) for rate in rates)
        at_few = await self._watch(pairs, few, first=0)
        at_many = await self._watch(pairs, many, first=few.messages)
        slope = at_many.counts.minus(at_few.counts).over(at_many.rate - at_few.rate)
        return slope, [at_few.outcome, at_many.outcome]

    def count_sweeps(self) -> float:
        """Of all chat nodes, so far."""
        return self._sum_metric(["chat"], SWEEPS)

    async def wait_for_sweeps(self, count: float) -> None:
        """Until there were so many: those that follow a socket's join are no message's."""
        async with asyncio.timeout(SWEEPS_S):
            while self.count_sweeps() < count:  # noqa: ASYNC110 - other processes set no event
                await asyncio.sleep(0.1)

    async def _watch(self, pairs: Sequence[Pair], load: Load, first: int) -> _Watched:
        before, began = await self.read(), time.perf_counter()
        outcome = await OpenLoop(pairs, load, first=first).run()
        after, lasted = await self.read(), time.perf_counter() - began
        return _Watched(after.minus(before).over(lasted), load.messages / lasted, outcome)

    async def _count_cassandra(self) -> tuple[int, int]:
        """Writes to our tables, and statements of all clients."""
        settings = self._cassandra.settings
        async with session_in(settings, None) as session:
            tables = await session.execute(
                acsylla.create_statement("SELECT keyspace_name, count FROM system_views.coordinator_write_latency")
            )
            writes = sum(row.column_value("count") for row in tables if row.column_value("keyspace_name") == settings.keyspace)
            kinds = await session.execute(acsylla.create_statement("SELECT name, value FROM system_views.cql_metrics"))
            values = {row.column_value("name"): row.column_value("value") for row in kinds}
        return writes, round(values["prepared_statements_executed"] + values["regular_statements_executed"])

    def _count_kafka_records(self) -> int:
        """All that was ever posted to the nodes' topics; what was deleted since an earlier look goes on to count."""
        consumer = Consumer({"bootstrap.servers": ",".join(self._kafka.settings.brokers), "group.id": "counters"})
        try:
            topics = [topic for topic in consumer.list_topics(timeout=KAFKA_S).topics if topic.startswith(TOPICS)]
            for topic in topics:
                self._topic_ends[topic] = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=KAFKA_S)[1]
        finally:
            consumer.close()
        return sum(self._topic_ends.values())

    def _count_redis_commands(self) -> int:
        """Those of scripts too."""
        return sum(self._count_commands_of(master) for master in self._redis.masters())

    def _count_commands_of(self, master: int) -> int:
        with self._redis.client(master) as client:
            kinds = client.info("commandstats")
        return sum(kind["calls"] for name, kind in kinds.items() if name != OUR_OWN)

    def _sum_metric(self, services: Sequence[str], name: str) -> float:
        """The sum of a metric over all processes of some services, whatever its labels are."""
        processes = [process for service in services for process in self._services.processes[service]]
        return sum(_metric(process, name) for process in processes)


def _metric(process: ServiceProcess, name: str) -> float:
    connection = http.client.HTTPConnection("127.0.0.1", process.admin_port, timeout=5)
    try:
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
    finally:
        connection.close()
    return sum(
        sample.value for family in text_string_to_metric_families(text) for sample in family.samples if sample.name == name
    )
