"""What a process reads: one topic, in a thread of its own, whatever becomes of Kafka meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable

import structlog
from confluent_kafka import Consumer, KafkaException, TopicPartition

from randomchat.errors import Unavailable
from randomchat.infra.kafka import Kafka

POLL_S = 0.1
BATCH_MAX = 500
PENDING_MAX, PENDING_S = 2000, 0.01
RETRY_S = 0.5
LOOK_AFTER_S = 5.0
CLOSE_S = 2.0

_log = structlog.get_logger(__name__)


class TopicReader:
    """Makes a topic, and gives each post to it to `receive`, in the event loop.

    What is away the client finds again by itself, at the offset where it was. But it says nothing of a topic that was deleted,
    and now and then it stays deaf (librdkafka 2.16) after its partition has gone from broker to broker. So where nothing came for
    a while this looks whether the topic is there, and whether there is more in it, and begins anew if need be.
    """

    def __init__(self, kafka: Kafka, topic: str, receive: Callable[[bytes], None], look_after_s: float = LOOK_AFTER_S) -> None:
        self.topic = topic
        self.made = asyncio.Event()
        """The topic is there: what is posted from now on is read."""
        self._kafka = kafka
        self._receive = receive
        self._look_after_s = look_after_s
        self._loop = asyncio.get_running_loop()
        self._halt = threading.Event()
        self._halted = asyncio.Event()
        self._halted.set()
        self._closed = False
        self._offset = self._handed_over = self._taken = 0
        self._task = self._loop.create_task(self._run())

    async def close(self) -> None:
        """Receive nothing any more. Waits for the thread, for at most 2 s."""
        self._closed = True
        self._task.cancel()
        await asyncio.wait([self._task])
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stop_reading(), CLOSE_S)

    async def _run(self) -> None:
        while True:
            await self._make_topic()
            self.made.set()
            self._halt.clear()
            self._halted.clear()
            threading.Thread(target=self._read, name=self.topic, daemon=True).start()
            await self._until_gone()
            await self._stop_reading()

    async def _make_topic(self) -> None:
        complaint = ""
        while True:
            try:
                if await self._kafka.create_topic(self.topic):
                    self._offset = 0
                return
            except Unavailable as error:
                if error.message != complaint:
                    _log.warning("a topic can't be made yet", topic=self.topic, reason=error.message)
                complaint = error.message
            await asyncio.sleep(RETRY_S)

    async def _until_gone(self) -> None:
        while not self._halted.is_set():
            taken = self._taken
            await asyncio.sleep(self._look_after_s)
            with contextlib.suppress(Unavailable):
                if self._taken == taken and await self._is_cut_off():
                    return

    async def _is_cut_off(self) -> bool:
        """Why nothing came for a while: there was nothing, or else this reader will not get it."""
        if not await self._kafka.has_topic(self.topic):
            _log.warning("a topic is gone, and is made again", topic=self.topic)
            return True
        if await self._kafka.find_end(self.topic) > self._offset:
            _log.warning("a reader has come to a stand, and begins anew", topic=self.topic, offset=self._offset)
            return True
        return False

    async def _stop_reading(self) -> None:
        self._halt.set()
        await self._halted.wait()

    # ---------------------------------------------------------------- in the thread
    def _read(self) -> None:
        try:
            with contextlib.closing(self._kafka.new_consumer(self.topic)) as consumer:
                consumer.assign([TopicPartition(self.topic, 0, self._offset)])
                while not self._halt.is_set():
                    self._read_batch(consumer)
        except (KafkaException, RuntimeError):
            _log.exception("reading a topic failed", topic=self.topic)
        self._tell(self._halted.set)

    def _read_batch(self, consumer: Consumer) -> None:
        """Hand over what there is. `consume` alone would wait for a full batch."""
        first = consumer.poll(POLL_S)
        if first is None:
            return
        messages = [first, *consumer.consume(BATCH_MAX, 0)]
        posts = [message for message in messages if message.error() is None]
        if posts:
            self._offset = (posts[-1].offset() or 0) + 1
            self._hand_over([message.value() or b"" for message in posts])

    def _hand_over(self, posts: list[bytes]) -> None:
        """Wake the event loop once for all of them, and wait where it can't keep up."""
        self._handed_over += len(posts)
        self._tell(self._take, posts)
        while self._handed_over - self._taken > PENDING_MAX and not self._halt.wait(PENDING_S):
            pass

    def _tell(self, callback: Callable[..., None], *args: object) -> None:
        try:
            self._loop.call_soon_threadsafe(callback, *args)
        except RuntimeError:  # the loop is closed
            self._halt.set()

    # ---------------------------------------------------------------- in the event loop
    def _take(self, posts: list[bytes]) -> None:
        self._taken += len(posts)
        self._kafka.metrics.received.inc(len(posts))
        for data in posts:
            if self._closed:
                return
            try:
                self._receive(data)
            except Exception:  # noqa: BLE001 - one post's failure is no other's
                _log.exception("a post failed", topic=self.topic)
