"""Removes the topics of nodes that ended without giving them up."""

from __future__ import annotations

import structlog

from randomchat.clock import Clock
from randomchat.errors import Unavailable
from randomchat.ids import NodeId
from randomchat.infra.kafka import Kafka
from randomchat.infra.mailbox import topic_of
from randomchat.infra.node import NodeLeases
from randomchat.infra.tasks import Loops

SWEEP_EVERY_S = 60.0
DEAD_FOR_S = 600.0
GAP_MAX_S = 3 * SWEEP_EVERY_S

_log = structlog.get_logger(__name__)


class TopicSweeper:
    """Deletes the topics of a service whose node was seen without a lease for 10 minutes on end.

    Each node runs one; they need not know of each other. What they saw is kept in memory alone, and is void where the leases or
    Kafka did not answer, or where the sweeper itself stood still: nodes may have lived unseen meanwhile.
    """

    def __init__(self, kafka: Kafka, service: str, leases: NodeLeases, clock: Clock) -> None:
        self._kafka = kafka
        self._leases = leases
        self._prefix = topic_of(service, NodeId(""))
        self._clock = clock
        self._missing_since: dict[str, float] = {}
        self._swept_at_s = clock.boot_s()
        self._loops = Loops()

    async def start(self) -> None:
        self._loops.repeat(self.sweep, SWEEP_EVERY_S)

    async def close(self) -> None:
        await self._loops.close()

    async def sweep(self) -> None:
        """One round; to be repeated at least every 3 minutes."""
        try:
            dead = await self._long_dead()
            await self._kafka.delete_topics(dead)
        except Unavailable as error:
            self._missing_since.clear()
            _log.info("topics could not be swept", reason=error.message)
            return
        for topic in dead:
            del self._missing_since[topic]
            _log.info("the topic of a dead node was deleted", topic=topic)

    async def _long_dead(self) -> list[str]:
        topics = [topic for topic in await self._kafka.list_topics() if topic.startswith(self._prefix)]
        alive = await self._leases.list_alive()
        now = self._clock.boot_s()
        if now - self._swept_at_s > GAP_MAX_S:
            self._missing_since.clear()
        self._swept_at_s = now
        missing = [topic for topic in topics if topic.removeprefix(self._prefix) not in alive]
        self._missing_since = {topic: self._missing_since.get(topic, now) for topic in missing}
        return [topic for topic, since in self._missing_since.items() if now - since >= DEAD_FOR_S]
