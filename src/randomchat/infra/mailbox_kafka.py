"""Posts between nodes of different processes, over Kafka."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from randomchat.errors import Unavailable
from randomchat.infra.kafka import Kafka
from randomchat.infra.kafka_reader import TopicReader

SUBSCRIBE_S = 5.0

_log = structlog.get_logger(__name__)


class KafkaMailbox:
    """`Mailbox` of one node. Mailboxes of one process share its `Kafka`, which is to be closed after them."""

    def __init__(self, kafka: Kafka, subscribe_s: float = SUBSCRIBE_S) -> None:
        """`subscribe_s`: for how long `subscribe` waits for a topic that can't be made; it is made later then."""
        self._kafka = kafka
        self._subscribe_s = subscribe_s
        self._readers: list[TopicReader] = []

    async def subscribe(self, topic: str, receive: Callable[[bytes], None]) -> None:
        reader = TopicReader(self._kafka, topic, receive)
        self._readers.append(reader)
        try:
            await asyncio.wait_for(reader.made.wait(), self._subscribe_s)
        except TimeoutError:
            _log.warning("going on without posts until their topic can be made", topic=topic)

    def post(self, topic: str, data: bytes) -> None:
        self._kafka.post(topic, data)

    async def close(self) -> None:
        """At most 4 s, where Kafka does not answer; its topics are then left to the other nodes' `TopicSweeper`."""
        readers, self._readers = self._readers, []
        await asyncio.gather(*(reader.close() for reader in readers))
        try:
            await self._kafka.delete_topics([reader.topic for reader in readers])
        except Unavailable as error:
            _log.info("topics are left to be swept", reason=error.message)
