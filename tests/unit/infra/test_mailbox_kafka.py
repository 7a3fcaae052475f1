"""The mailbox on a Kafka that is away, dies, freezes, and loses topics."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack

import pytest
from confluent_kafka import Consumer, TopicPartition

from cluster.engines.kafka import KafkaEngine
from randomchat.config import KafkaSettings
from randomchat.errors import Unavailable
from randomchat.infra.kafka import Kafka
from randomchat.infra.kafka_reader import TopicReader
from randomchat.infra.kafka_settings import QUEUE_MAX_POSTS, consumer_settings
from randomchat.infra.mailbox import topic_of
from randomchat.infra.mailbox_kafka import KafkaMailbox
from randomchat.infra.node import new_node_id
from tests.engines import running_engine

pytestmark = pytest.mark.cluster

RECOVERY_S = 20.0
"""More than it takes, for a busy machine; the figures are in docs/adr/0010."""
STALL_MAX_S = 0.5

Connect = Callable[[], Awaitable[Kafka]]


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaEngine]:
    """A broker of these tests' own, which they may kill."""
    yield from running_engine(KafkaEngine(tmp_path_factory.mktemp("kafka")))


@pytest.fixture
def engine(broker: KafkaEngine) -> Iterator[KafkaEngine]:
    yield broker
    broker.resume()
    broker.start()
    broker.wait_until_ready()


@pytest.fixture
async def connect(engine: KafkaEngine) -> AsyncIterator[Connect]:
    """Each call gives the Kafka of one more process."""
    async with AsyncExitStack() as stack:

        async def connect() -> Kafka:
            kafka = Kafka(engine.settings)
            await kafka.start()
            stack.push_async_callback(kafka.close)
            return kafka

        yield connect


@pytest.fixture
def topic() -> str:
    return topic_of("test", new_node_id("reader"))


class Posts:
    """Numbered posts from one process to the topic of another, 50 a second, and which of them came."""

    def __init__(self, sender: KafkaMailbox, topic: str) -> None:
        self.posted = 0
        self.received: list[int] = []
        self.longest_stall_s = 0.0
        self._sender, self._topic = sender, topic
        self._task = asyncio.create_task(self._post())

    def receive(self, data: bytes) -> None:
        self.received.append(int(data))

    async def until_fresh_ones_come(self) -> float:
        """Wait until one comes that is posted after this call; the seconds until then."""
        began, first = time.monotonic(), self.posted
        async with asyncio.timeout(RECOVERY_S):
            while not self.received or self.received[-1] < first:  # noqa: ASYNC110 - any post may be it
                await asyncio.sleep(0.02)
        return time.monotonic() - began

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _post(self) -> None:
        while True:
            began = time.monotonic()
            await asyncio.sleep(0.02)
            self.longest_stall_s = max(self.longest_stall_s, time.monotonic() - began - 0.02)
            self._sender.post(self._topic, b"%d" % self.posted)
            self.posted += 1


@pytest.fixture
async def posts(connect: Connect, topic: str) -> AsyncIterator[Posts]:
    """Posts that come, as all is well."""
    reader, sender = KafkaMailbox(await connect()), KafkaMailbox(await connect())
    posts = Posts(sender, topic)
    await reader.subscribe(topic, posts.receive)
    await posts.until_fresh_ones_come()
    yield posts
    await posts.stop()
    await reader.close()


def lost_posts(kafka: Kafka) -> float:
    return sum(
        sample.value for metric in kafka.metrics.lost.collect() for sample in metric.samples if sample.name.endswith("_total")
    )


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(RECOVERY_S):
        while not condition():  # noqa: ASYNC110 - only a counter tells of it
            await asyncio.sleep(0.02)


async def is_away(kafka: Kafka) -> bool:
    try:
        await kafka.check()
    except Unavailable:
        return True
    return False


async def until_back(kafka: Kafka) -> None:
    async with asyncio.timeout(RECOVERY_S):
        while await is_away(kafka):  # noqa: ASYNC110 - what is waited for is in another process
            await asyncio.sleep(0.05)


async def test_a_node_starts_without_kafka_and_receives_once_it_is_there(
    engine: KafkaEngine, connect: Connect, topic: str
) -> None:
    engine.kill()
    kafka = await connect()
    mailbox = KafkaMailbox(kafka, subscribe_s=0.5)
    queue = asyncio.Queue[bytes]()
    async with asyncio.timeout(2):
        await mailbox.subscribe(topic, queue.put_nowait)
    with pytest.raises(Unavailable, match=f"Kafka does not answer at {engine.settings.brokers[0]}"):
        await kafka.check()
    engine.start()
    async with asyncio.timeout(RECOVERY_S):
        while queue.empty():
            mailbox.post(topic, b"hello")
            await asyncio.sleep(0.1)
    await until_back(kafka)
    await mailbox.close()


async def test_posts_come_again_after_the_broker_was_killed_and_started(engine: KafkaEngine, posts: Posts) -> None:
    engine.kill()
    await asyncio.sleep(1)  # some posts must meet nobody
    await asyncio.to_thread(engine.start)
    await asyncio.to_thread(engine.wait_until_ready)
    await posts.until_fresh_ones_come()
    assert len(posts.received) == len(set(posts.received)), "the reader kept its place"
    assert posts.longest_stall_s < STALL_MAX_S


async def test_a_frozen_broker_costs_what_is_too_old_and_nothing_else(engine: KafkaEngine, posts: Posts) -> None:
    engine.pause()
    await asyncio.sleep(5)
    engine.resume()
    resumed_at = posts.posted
    await posts.until_fresh_ones_come()
    assert posts.longest_stall_s < STALL_MAX_S
    assert lost_posts(posts._sender._kafka) > 0
    assert set(range(resumed_at, posts.received[-1])) <= set(posts.received), "nothing is lost once it answers again"


async def test_a_frozen_broker_fills_no_memory(engine: KafkaEngine, connect: Connect, topic: str) -> None:
    kafka = await connect()
    await kafka.create_topic(topic)
    engine.pause()
    began = time.monotonic()
    for _ in range(2 * QUEUE_MAX_POSTS):
        kafka.post(topic, b"x" * 200)
        await asyncio.sleep(0)
    assert time.monotonic() - began < 2.5, "before the first ones are too old"
    assert lost_posts(kafka) >= QUEUE_MAX_POSTS / 2
    await until(lambda: lost_posts(kafka) >= QUEUE_MAX_POSTS * 1.9)


async def test_a_mailbox_closes_within_seconds_while_the_broker_is_frozen(
    engine: KafkaEngine, connect: Connect, topic: str
) -> None:
    kafka = await connect()
    mailbox = KafkaMailbox(kafka)
    await mailbox.subscribe(topic, lambda _: None)
    engine.pause()
    mailbox.post(topic, b"in vain")
    async with asyncio.timeout(5):
        await mailbox.close()
        await kafka.close()


async def test_a_topic_that_was_deleted_is_made_again(connect: Connect, topic: str) -> None:
    kafka = await connect()
    queue = asyncio.Queue[bytes]()
    reader = TopicReader(kafka, topic, queue.put_nowait, look_after_s=0.3)
    await reader.made.wait()
    kafka.post(topic, b"before")
    assert await asyncio.wait_for(queue.get(), RECOVERY_S) == b"before"
    await kafka.delete_topics([topic])
    async with asyncio.timeout(RECOVERY_S):
        while queue.empty():
            kafka.post(topic, b"after")
            await asyncio.sleep(0.1)
    await reader.close()


async def test_a_closed_mailbox_leaves_no_topic(connect: Connect, topic: str) -> None:
    kafka = await connect()
    mailbox = KafkaMailbox(kafka)
    await mailbox.subscribe(topic, lambda _: None)
    assert await kafka.has_topic(topic)
    await mailbox.close()
    async with asyncio.timeout(RECOVERY_S):
        while await kafka.has_topic(topic):  # noqa: ASYNC110 - brokers hear of it a little later
            await asyncio.sleep(0.02)


async def test_a_receiver_that_fails_gets_the_next_post_all_the_same(connect: Connect, topic: str) -> None:
    kafka, queue = await connect(), asyncio.Queue[int]()
    mailbox = KafkaMailbox(kafka)
    await mailbox.subscribe(topic, lambda data: queue.put_nowait(int(data)))
    mailbox.post(topic, b"no number")
    mailbox.post(topic, b"1")
    assert await asyncio.wait_for(queue.get(), RECOVERY_S) == 1
    await mailbox.close()


async def test_posts_to_a_topic_that_nobody_made_are_counted_as_lost(connect: Connect, topic: str) -> None:
    kafka = await connect()
    kafka.post(topic, b"to nobody")
    await until(lambda: lost_posts(kafka) == 1)
    assert not await kafka.has_topic(topic), "nothing makes a topic by itself"


async def test_a_post_after_the_end_raises_nothing(connect: Connect, topic: str) -> None:
    kafka = await connect()
    await kafka.close()
    kafka.post(topic, b"too late")
    assert lost_posts(kafka) == 1


class DeafConsumer(Consumer):
    """Says of nothing that it has come."""

    def assign(self, partitions: list[TopicPartition]) -> None:
        super().assign(partitions)
        self.pause(partitions)


class KafkaWithDeafConsumer(Kafka):
    """The first consumer is deaf, as librdkafka's once in a while is after its partition went from broker to broker."""

    def __init__(self, settings: KafkaSettings) -> None:
        super().__init__(settings)
        self._kinds: Iterator[type[Consumer]] = itertools.chain([DeafConsumer], itertools.repeat(Consumer))

    def new_consumer(self, name: str) -> Consumer:
        return next(self._kinds)(consumer_settings(self._settings, name))


async def test_a_reader_that_has_come_to_a_stand_begins_anew_and_misses_nothing(engine: KafkaEngine, topic: str) -> None:
    kafka, heard = KafkaWithDeafConsumer(engine.settings), list[bytes]()
    await kafka.start()
    reader = TopicReader(kafka, topic, heard.append, look_after_s=0.5)
    await asyncio.wait_for(reader.made.wait(), RECOVERY_S)
    numbers = [b"%d" % number for number in range(5)]
    for number in numbers:
        kafka.post(topic, number)
    await until(lambda: len(heard) >= len(numbers))
    assert heard == numbers
    await reader.close()
    await kafka.close()
