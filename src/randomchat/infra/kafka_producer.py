"""What a process sends: its one producer, which gathers posts where there are many."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Any

import structlog
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from randomchat.config import KafkaSettings
from randomchat.infra.kafka_metrics import KafkaMetrics
from randomchat.infra.kafka_settings import producer_settings
from randomchat.infra.tasks import Loops

GATHER_S = 0.010
REPORTS_EVERY_S = 0.5
FLUSH_S = 0.5

# Else the client writes to standard error by itself when it gives up, whatever its log level.
_SILENT = logging.Logger("librdkafka", logging.CRITICAL + 1)  # noqa: LOG001 - nobody else is to find it
_log = structlog.get_logger(__name__)


class KafkaProducer:
    """Sends posts, and counts those that were lost. None of its methods blocks; all are for the event loop's thread.

    A post to a topic that was quiet is sent at once; those that follow within `GATHER_S` are sent together, at its end. A
    request costs the broker many times what a post costs, so at a high rate this saves most of the whole.
    """

    def __init__(self, settings: KafkaSettings, metrics: KafkaMetrics) -> None:
        self.trouble: str | None = None
        """What the client last complained of."""
        self._settings = settings
        self._metrics = metrics
        self._producer: Producer | None = self._connect()
        self._fatal_reason = ""
        self._gathered: dict[str, list[bytes]] = {}
        self._loops = Loops()

    def start(self) -> None:
        self._loops.repeat(self._take_reports, REPORTS_EVERY_S)

    def post(self, topic: str, data: bytes) -> None:
        gathered = self._gathered.get(topic)
        if gathered is None:
            self._send(topic, [data])
            self._gather(topic)
        else:
            gathered.append(data)

    async def close(self) -> None:
        """Send what is left, for a moment; later posts are lost."""
        held, self._gathered = self._gathered, {}
        for topic, gathered in held.items():
            self._send(topic, gathered)
        await self._loops.close()
        producer, self._producer = self._producer, None
        if producer:
            await asyncio.to_thread(_close, producer, FLUSH_S)

    def _connect(self) -> Producer:
        return Producer({**producer_settings(self._settings), "error_cb": self._note_error, "logger": _SILENT})

    def _gather(self, topic: str) -> None:
        self._gathered[topic] = []
        asyncio.get_running_loop().call_later(GATHER_S, self._send_gathered, topic)

    def _send_gathered(self, topic: str) -> None:
        gathered = self._gathered.pop(topic, None)  # nothing is left where `close` has sent it
        if gathered:
            self._send(topic, gathered)
            self._gather(topic)

    def _send(self, topic: str, posts: list[bytes]) -> None:
        if not posts:
            return
        self._metrics.sent.inc(len(posts))
        if self._producer is None:
            self._metrics.lost.labels("closed").inc(len(posts))
            return
        messages: list[dict[str, Any]] = [{"value": data} for data in posts]
        taken = self._producer.produce_batch(topic, messages, partition=0, on_delivery=self._note_delivery)
        if taken < len(messages):
            for message in messages:
                self._count_lost(message.get("_error"))

    async def _take_reports(self) -> None:
        """Hear of the posts that were lost, and of the client's own troubles."""
        producer = self._producer
        if producer is None:
            return
        try:
            producer.poll(0)
        except KafkaException as error:  # so it tells that it will never send again
            self._note_fatal(error.args[0])
            self._producer = self._connect()
            await asyncio.to_thread(_close, producer, 0)

    def _note_fatal(self, error: KafkaError) -> None:
        if error.str() != self._fatal_reason:  # without the right to write it is the same one again and again
            _log.error("the Kafka producer gave up; new ones try in its place", reason=error.str())
        self._fatal_reason = error.str()

    def _note_delivery(self, error: KafkaError | None, message: Message) -> None:  # noqa: ARG002
        self._count_lost(error)

    def _note_error(self, error: KafkaError) -> None:
        if error.code() != KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001 - follows another one, which says why
            self.trouble = error.str()

    def _count_lost(self, error: KafkaError | None) -> None:
        if error is not None:
            self._metrics.lost.labels(error.name().strip("_").lower()).inc()


def _close(producer: Producer, flush_s: float) -> None:
    with contextlib.suppress(KafkaException):  # one that gave up says so here too
        producer.flush(flush_s)
    producer.purge()
    producer.close()
