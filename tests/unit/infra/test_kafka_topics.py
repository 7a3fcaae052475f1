"""Which topics are swept, and which are not."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator

import pytest

from cluster.engines.kafka import KafkaEngine
from randomchat.errors import Unavailable
from randomchat.ids import NodeId
from randomchat.infra.kafka import Kafka
from randomchat.infra.kafka_topics import DEAD_FOR_S, SWEEP_EVERY_S, TopicSweeper
from randomchat.infra.mailbox import topic_of
from randomchat.infra.node import new_node_id
from randomchat.infra.node_memory import MemoryNodeLeases
from tests.fakes import FakeClock


class Leases(MemoryNodeLeases):
    """Leases whose store can be away."""

    away = False

    async def list_alive(self) -> frozenset[NodeId]:
        if self.away:
            raise Unavailable
        return await super().list_alive()


class Scene:
    """Nodes with topics, and a sweeper; what is left of them after some time."""

    def __init__(self, kafka: Kafka) -> None:
        self.kafka, self.clock = kafka, FakeClock()
        self.service = f"test{secrets.token_hex(4)}"
        self.leases = Leases(self.clock)
        self.living: set[NodeId] = set()
        self.sweeper = self.new_sweeper()

    def new_sweeper(self) -> TopicSweeper:
        return TopicSweeper(self.kafka, self.service, self.leases, self.clock)

    async def node(self, *, alive: bool) -> str:
        """A node with a topic; the topic."""
        node = new_node_id("node")
        if alive:
            self.living.add(node)
        topic = topic_of(self.service, node)
        await self.kafka.create_topic(topic)
        async with asyncio.timeout(10):
            while topic not in await self.topics():  # noqa: ASYNC110 - what is waited for is in another process
                await asyncio.sleep(0.02)
        return topic

    async def let_pass(self, seconds: float) -> None:
        """Sweep every minute, to the last second; the living renew their leases."""
        end = self.clock.boot_s() + seconds
        while self.clock.boot_s() < end:
            self.clock.advance(min(SWEEP_EVERY_S, end - self.clock.boot_s()))
            await self.sweep()

    async def sweep(self) -> None:
        for node in self.living:
            await self.leases.renew(node)
        await self.sweeper.sweep()

    async def until_left(self, topics: set[str]) -> None:
        """Sweep on, at this moment: brokers hear of a deletion late, and on a busy machine one may fail."""
        async with asyncio.timeout(20):
            while await self.topics() != topics:
                await self.sweep()

    async def topics(self) -> set[str]:
        return {topic for topic in await self.kafka.list_topics() if topic.startswith(f"randomchat.{self.service}.")}


@pytest.fixture
async def scene(kafka_engine: KafkaEngine) -> AsyncIterator[Scene]:
    kafka = Kafka(kafka_engine.settings)
    await kafka.start()
    scene = Scene(kafka)
    yield scene
    await kafka.delete_topics(await scene.topics())
    await kafka.close()


async def test_a_topic_goes_ten_minutes_after_its_node_and_no_sooner(scene: Scene) -> None:
    dead = await scene.node(alive=False)
    living = await scene.node(alive=True)
    await scene.sweep()
    await scene.let_pass(DEAD_FOR_S - 1)
    assert await scene.topics() == {dead, living}
    await scene.let_pass(1)
    await scene.until_left({living})


async def test_the_topic_of_a_living_node_stays(scene: Scene) -> None:
    living = await scene.node(alive=True)
    await scene.let_pass(3 * DEAD_FOR_S)
    await scene.until_left({living})


async def test_a_node_that_was_away_for_less_keeps_its_topic(scene: Scene) -> None:
    topic = await scene.node(alive=True)
    nodes, scene.living = scene.living, set()
    await scene.let_pass(DEAD_FOR_S - 60)
    scene.living = nodes
    await scene.let_pass(60)
    scene.living = set()
    await scene.let_pass(DEAD_FOR_S - 60)
    assert await scene.topics() == {topic}


async def test_leases_that_can_not_be_read_start_the_count_anew(scene: Scene) -> None:
    topic = await scene.node(alive=False)
    await scene.let_pass(DEAD_FOR_S)
    scene.leases.away = True
    await scene.let_pass(120)
    scene.leases.away = False
    await scene.sweep()
    await scene.let_pass(DEAD_FOR_S - 1)
    assert await scene.topics() == {topic}
    await scene.let_pass(1)
    await scene.until_left(set())


async def test_a_sweeper_that_stood_still_starts_the_count_anew(scene: Scene) -> None:
    topic = await scene.node(alive=False)
    await scene.sweep()
    scene.clock.advance(2 * DEAD_FOR_S)
    await scene.sweep()
    assert await scene.topics() == {topic}


async def test_topics_of_other_services_stay(scene: Scene) -> None:
    foreign = topic_of(f"{scene.service}x", new_node_id("node"))
    await scene.kafka.create_topic(foreign)
    await scene.node(alive=False)
    await scene.let_pass(DEAD_FOR_S + 60)
    await scene.until_left(set())
    assert await scene.kafka.has_topic(foreign)
    await scene.kafka.delete_topics([foreign])


async def test_many_sweepers_at_once_do_no_harm(scene: Scene) -> None:
    living = await scene.node(alive=True)
    for _ in range(3):
        await scene.node(alive=False)
    sweepers = [scene.new_sweeper() for _ in range(4)]
    for _ in range(int(DEAD_FOR_S / SWEEP_EVERY_S) + 1):
        for node in scene.living:
            await scene.leases.renew(node)
        await asyncio.gather(*(sweeper.sweep() for sweeper in sweepers))
        scene.clock.advance(SWEEP_EVERY_S)
    await scene.until_left({living})


async def test_a_started_sweeper_sweeps_again_and_again_until_it_is_closed(scene: Scene) -> None:
    topic = await scene.node(alive=False)
    sweeper = TopicSweeper(scene.kafka, scene.service, scene.leases, scene.clock, every_s=0.01)
    await sweeper.start()
    async with asyncio.timeout(10):
        while await scene.kafka.has_topic(topic):
            scene.clock.advance(1)
    await sweeper.close()
    second = await scene.node(alive=False)
    scene.clock.advance(DEAD_FOR_S)
    await asyncio.sleep(0.1)
    await scene.until_left({second})
