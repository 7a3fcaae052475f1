"""When posts are sent at once, and when together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import cast

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer
from prometheus_client import CollectorRegistry

from randomchat.config import KafkaSettings
from randomchat.infra.kafka_metrics import KafkaMetrics
from randomchat.infra.kafka_producer import GATHER_S, KafkaProducer


class RecordingProducer(KafkaProducer):
    """Keeps what would be sent, and with what."""

    def __init__(self) -> None:
        super().__init__(KafkaSettings(brokers=["127.0.0.1:1"]), KafkaMetrics(CollectorRegistry()))
        self.sent: list[tuple[str, list[bytes]]] = []

    def _send(self, topic: str, posts: list[bytes]) -> None:
        self.sent.append((topic, posts))


@pytest.fixture
async def producer() -> AsyncIterator[RecordingProducer]:
    producer = RecordingProducer()
    yield producer
    await producer.close()


async def test_a_lone_post_is_sent_at_once(producer: RecordingProducer) -> None:
    producer.post("one", b"1")
    assert producer.sent == [("one", [b"1"])]


async def test_what_follows_closely_is_sent_together(producer: RecordingProducer) -> None:
    for data in (b"1", b"2", b"3"):
        producer.post("one", data)
    assert producer.sent == [("one", [b"1"])]
    await asyncio.sleep(2 * GATHER_S)
    assert producer.sent == [("one", [b"1"]), ("one", [b"2", b"3"])]


async def test_topics_do_not_wait_for_each_other(producer: RecordingProducer) -> None:
    producer.post("one", b"1")
    producer.post("other", b"2")
    assert producer.sent == [("one", [b"1"]), ("other", [b"2"])]


async def test_after_a_silence_a_post_is_sent_at_once_again(producer: RecordingProducer) -> None:
    producer.post("one", b"1")
    producer.post("one", b"2")
    await asyncio.sleep(4 * GATHER_S)
    producer.post("one", b"3")
    assert producer.sent[-1] == ("one", [b"3"])
    await asyncio.sleep(4 * GATHER_S)
    assert producer._gathered == {}, "nothing is kept of a topic that is quiet"


class GivenUp:
    """A client's producer after an error that is for good, as it behaves without the right to write."""

    closed = False

    def poll(self, timeout: float) -> int:
        raise KafkaException(KafkaError(KafkaError.CLUSTER_AUTHORIZATION_FAILED, "no right to write", fatal=True))

    def flush(self, timeout: float) -> int:
        return self.poll(timeout)

    def purge(self) -> None:
        """Nothing is left in it."""

    def close(self) -> bool:
        self.closed = True
        return True


async def test_a_producer_that_gave_up_is_replaced(producer: RecordingProducer) -> None:
    broken = GivenUp()
    producer._producer = cast(Producer, broken)
    await producer._take_reports()
    assert isinstance(producer._producer, Producer)
    assert broken.closed


async def test_what_is_still_held_at_the_end_is_sent(producer: RecordingProducer) -> None:
    producer.post("one", b"1")
    producer.post("one", b"2")
    await producer.close()
    await asyncio.sleep(2 * GATHER_S)
    assert producer.sent == [("one", [b"1"]), ("one", [b"2"])], "once, not again by the timer"
