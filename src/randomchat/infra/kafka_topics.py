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

    Each node runs one; they need not know of each other. What they saw is kept in memory alone, and is void where the leases did
    not answer, or nothing was looked at for 3 minutes: nodes may have lived unseen meanwhile.
    """

    def __init__(self, kafka: Kafka, service: str, leases: NodeLeases, clock: Clock, every_s: float = SWEEP_EVERY_S) -> None:
        self._kafka = kafka
        self._leases = leases
        self._prefix = topic_of(service, NodeId(""))
        self._clock = clock
        self._every_s = every_s
        self._missing_since: dict[str, float] = {}
        self._looked_at_s = clock.boot_s()
        self._loops = Loops()

    async def start(self) -> None:
        self._loops.repeat(self.sweep, self._every_s)

    async def close(self) -> None:
        await self._loops.close()

    async def sweep(self) -> None:
        """One round; to be repeated at least every 3 minutes."""
        try:
            living = await self._topics_of_the_living()
            topics = [topic for topic in await self._kafka.list_topics() if topic.startswith(self._prefix)]
            dead = self._long_dead([topic for topic in topics if topic not in living])
            await self._kafka.delete_topics(dead)
        except Unavailable as error:
            _log.info("topics could not be swept", reason=error.message)
            return
        for topic in dead:
            del self._missing_since[topic]
            _log.info("the topic of a dead node was deleted", topic=topic)

    async def _topics_of_the_living(self) -> set[str]:
        try:
            living = {self._prefix + node for node in await self._leases.list_alive()}
        except Unavailable:
            self._missing_since.clear()
            raise
        now = self._clock.boot_s()
        if now - self._looked_at_s > GAP_MAX_S:
            self._missing_since.clear()
        self._looked_at_s = now
        for topic in living:  # even if Kafka does not answer now
            self._missing_since.pop(topic, None)
        return living

    def _long_dead(self, missing: list[str]) -> list[str]:
        """Which have been missing for 10 minutes, as of the last look at the leases."""
        now = self._looked_at_s
        self._missing_since = {topic: self._missing_since.get(topic, now) for topic in missing}
        return [topic for topic, since in self._missing_since.items() if now - since >= DEAD_FOR_S]
