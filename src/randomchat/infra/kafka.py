"""Kafka, as one process uses it: how it is reached, whether it answers, its topics, and what is sent to them."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from concurrent.futures import Future
from typing import Any

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import OffsetSpec
from confluent_kafka.cimpl import NewTopic
from prometheus_client import CollectorRegistry

from randomchat.config import KafkaSettings, SettingsError
from randomchat.errors import Unavailable
from randomchat.infra.kafka_metrics import KafkaMetrics
from randomchat.infra.kafka_producer import KafkaProducer
from randomchat.infra.kafka_settings import client_settings, consumer_settings, topic_settings
from randomchat.infra.tasks import Loops

WATCH_EVERY_S = 2.0
CHECK_TIMEOUT_S = 0.8
"""A readiness check is given a second."""
REQUEST_TIMEOUT_S = 2.0

_ANY_TOPIC = "randomchat.any"
_NOT_THERE = {KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.UNKNOWN_TOPIC_ID}

_log = structlog.get_logger(__name__)


class Kafka:
    """One cluster. It may be away at any time, at the start too; every call then raises `Unavailable` within 2 s."""

    def __init__(self, settings: KafkaSettings, metrics: KafkaMetrics | None = None) -> None:
        self.metrics = metrics or KafkaMetrics(CollectorRegistry())
        self._settings = settings
        self._address = ", ".join(settings.brokers)
        self._answers: bool | None = None
        self._loops = Loops()

    async def start(self) -> None:
        """Begin to connect, and return at once. Raises `SettingsError` where the settings can't be used."""
        try:
            self._admin = AdminClient(client_settings(self._settings))
            self._producer = KafkaProducer(self._settings, self.metrics)
        except KafkaException as error:
            raise SettingsError(f"kafka: {_reason(error)}") from error
        self._producer.start()
        self._loops.repeat(self._watch, WATCH_EVERY_S)

    async def close(self) -> None:
        """Send what is still held, for a moment, and let go."""
        await self._loops.close()
        await self._producer.close()
        await asyncio.to_thread(self._admin.__exit__, None, None, None)

    async def check(self) -> None:
        """Raises `Unavailable` where Kafka does not answer.

        Any broker may answer, about some topic. The other requests of librdkafka (2.16) wait for the controller, which may be
        the one of three that is down; and `describe_cluster` ends the whole process where a broker says that there are no
        brokers, as one does for a moment that was silent for too long.
        """
        try:
            await asyncio.to_thread(self._admin.list_topics, _ANY_TOPIC, CHECK_TIMEOUT_S)
        except KafkaException as error:
            if error.args[0].code() < 0:
                raise self._away() from error
            raise Unavailable(f"Kafka refuses to answer at {self._address}: {_reason(error)}") from error

    def post(self, topic: str, data: bytes) -> None:
        """See `Mailbox.post`."""
        self._producer.post(topic, data)

    def new_consumer(self, name: str) -> Consumer:
        """A consumer with nothing to read yet. Its calls block: it is for a thread of its own, which closes it."""
        return Consumer(consumer_settings(self._settings, name))

    async def create_topic(self, topic: str) -> bool:
        """Make a topic of one partition. False where it was there."""
        new = NewTopic(topic, 1, self._settings.replication, config=topic_settings(self._settings))
        made = self._admin.create_topics([new], request_timeout=REQUEST_TIMEOUT_S, operation_timeout=REQUEST_TIMEOUT_S)
        try:
            await self._request(made[topic])
        except KafkaException as error:
            if error.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS:
                return False
            raise Unavailable(f"Kafka does not make the topic {topic}: {_reason(error)}") from error
        return True

    async def delete_topics(self, topics: Collection[str]) -> None:
        """Delete topics; those that are not there are passed over. Does not try where Kafka was away a moment ago."""
        if not topics:
            return
        if self._answers is False:
            raise self._away()
        deleted = self._admin.delete_topics(list(topics), request_timeout=REQUEST_TIMEOUT_S, operation_timeout=REQUEST_TIMEOUT_S)
        for result in await asyncio.gather(*(self._request(each) for each in deleted.values()), return_exceptions=True):
            if isinstance(result, KafkaException) and result.args[0].code() not in _NOT_THERE:
                raise Unavailable(f"Kafka does not delete a topic: {_reason(result)}") from result
            if isinstance(result, Unavailable):
                raise result

    async def has_topic(self, topic: str) -> bool:
        described = self._admin.describe_topics(TopicCollection([topic]), request_timeout=REQUEST_TIMEOUT_S)
        try:
            await self._request(described[topic])
        except KafkaException as error:
            if error.args[0].code() in _NOT_THERE:
                return False
            raise Unavailable(f"Kafka says nothing of the topic {topic}: {_reason(error)}") from error
        return True

    async def find_end(self, topic: str) -> int:
        """The offset that the next post to a topic will have."""
        partition = TopicPartition(topic, 0)
        newest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
        found = self._admin.list_offsets({partition: newest}, request_timeout=REQUEST_TIMEOUT_S)
        try:
            end: int = (await asyncio.wrap_future(found[partition])).offset
        except KafkaException as error:
            raise Unavailable(f"Kafka says nothing of the end of the topic {topic}: {_reason(error)}") from error
        return end

    async def list_topics(self) -> list[str]:
        """The names of all topics."""
        try:
            cluster = await asyncio.to_thread(self._admin.list_topics, timeout=REQUEST_TIMEOUT_S)
        except KafkaException as error:
            raise self._away() from error
        return list(cluster.topics)

    async def _request(self, answer: Future[Any]) -> None:
        """Wait for an answer. Errors of a topic are raised as they are."""
        try:
            await asyncio.wrap_future(answer)
        except KafkaException as error:
            if error.args[0].code() < 0:  # of the client itself: nothing has answered
                raise self._away() from error
            raise

    def _away(self) -> Unavailable:
        return Unavailable(f"Kafka does not answer at {self._address}")

    async def _watch(self) -> None:
        """Say once that Kafka is away, and once that it is back."""
        try:
            await self.check()
        except Unavailable as error:
            if self._answers is not False:
                _log.warning(error.message, reason=self._producer.trouble)
            self._answers = False
        else:
            if self._answers is False:
                _log.info("Kafka answers again")
            self._answers = True
            self._producer.trouble = None


def _reason(error: KafkaException) -> str:
    cause = error.args[0]
    return str(cause.str() if isinstance(cause, KafkaError) else cause)
