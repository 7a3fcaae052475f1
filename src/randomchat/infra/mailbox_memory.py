"""Posts between the nodes of one process, as reliable or as hostile as a test wants them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True)
class Weather:
    """How posts travel. Instant and reliable by default; the same seed gives the same misfortunes.

    `lost`, `twice`, `late`: the share of posts that this happens to, 0 to 1. `delay_s`: the least and the most seconds that a
    late post takes; so it is overtaken by others.
    """

    seed: int = 0
    lost: float = 0.0
    twice: float = 0.0
    late: float = 0.0
    delay_s: tuple[float, float] = (0.0, 1.0)

    def delays(self, random: Random) -> list[float]:
        """The seconds that each copy of the next post takes; no copy where it is lost."""
        if random.random() < self.lost:
            return []
        copies = 2 if random.random() < self.twice else 1
        return [random.uniform(*self.delay_s) if random.random() < self.late else 0.0 for _ in range(copies)]


class MemoryBroker:
    """What the mailboxes of one process share. `weather` may be changed at any time; it counts for the posts that follow.

    `posted` and `lost` count posts; a post to a topic that nobody reads is lost.
    """

    def __init__(self, weather: Weather | None = None) -> None:
        self.weather = weather
        self.posted = 0
        self.lost = 0
        self._random = Random(weather.seed if weather else 0)  # noqa: S311 - it decides on misfortunes, not on secrets
        self._receivers: dict[str, Callable[[bytes], None]] = {}
        self._all_paused = False
        self._paused_topics: set[str] = set()
        self._held: list[tuple[str, bytes]] = []

    def subscribe(self, topic: str, receive: Callable[[bytes], None]) -> None:
        self._receivers[topic] = receive

    def unsubscribe(self, topic: str) -> None:
        self._receivers.pop(topic, None)

    def post(self, topic: str, data: bytes) -> None:
        self.posted += 1
        if self.weather is None:
            self._deliver_soon(topic, data)
            return
        delays = self.weather.delays(self._random)
        if not delays:
            self.lost += 1
        for delay_s in delays:
            asyncio.get_running_loop().call_later(delay_s, self._deliver, topic, data)

    def pause(self, topic: str | None = None) -> None:
        """Hold the posts to one topic, or to all."""
        if topic is None:
            self._all_paused = True
        else:
            self._paused_topics.add(topic)

    def resume(self, topic: str | None = None) -> None:
        """End the pause of one topic, or every pause, and deliver what was held, in its order."""
        if topic is None:
            self._all_paused = False
            self._paused_topics.clear()
        else:
            self._paused_topics.discard(topic)
        held, self._held = self._held, []
        for post in held:
            self._deliver_soon(*post)

    def _deliver_soon(self, topic: str, data: bytes) -> None:
        asyncio.get_running_loop().call_soon(self._deliver, topic, data)

    def _deliver(self, topic: str, data: bytes) -> None:
        receive = self._receivers.get(topic)
        if receive is None:
            self.lost += 1
        elif self._all_paused or topic in self._paused_topics:
            self._held.append((topic, data))
        else:
            receive(data)


class MemoryMailbox:
    """`Mailbox` for nodes that share a process."""

    def __init__(self, broker: MemoryBroker) -> None:
        self._broker = broker
        self._topics: set[str] = set()

    async def subscribe(self, topic: str, receive: Callable[[bytes], None]) -> None:
        self._topics.add(topic)
        self._broker.subscribe(topic, receive)

    def post(self, topic: str, data: bytes) -> None:
        self._broker.post(topic, data)

    async def close(self) -> None:
        for topic in self._topics:
            self._broker.unsubscribe(topic)
        self._topics.clear()
