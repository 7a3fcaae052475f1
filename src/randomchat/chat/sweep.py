"""The safety net: channels with live sockets are read again, and what the hub has not delivered is delivered."""

from __future__ import annotations

import asyncio
import heapq
import itertools

from randomchat.chat.closing import Closing
from randomchat.chat.domain import Excerpt
from randomchat.chat.hub import Hub, LiveChannel
from randomchat.chat.metrics import ChatMetrics
from randomchat.chat.presence import Presence
from randomchat.chat.repository import ChatRepository
from randomchat.chat.seen import SeenMarks
from randomchat.clock import Clock
from randomchat.config import SweepSettings
from randomchat.errors import Close, NotFound, Unavailable
from randomchat.ids import MessageId, first_id_at
from randomchat.infra.clock_watch import ClockWatch
from randomchat.infra.tasks import Tasks

TICK_S = 0.25
SOON_S = (1.0, 5.0)
"""After a socket joined, another node of the channel was lost, or the fast path has recovered."""
UNHEALTHY_EVERY_S = 2.0
UNSWEPT_CLOSE_S = 60.0
AT_ONCE = 16
"""Reads of sweeps that may be under way together."""


class Sweep:
    """Decides when each live channel of the node is read again, and does so.

    Due: 1 s and 5 s after a socket joined, another node of the channel was lost, or routes and mailbox are healthy again; 20 s
    after the last traffic; 60 s after the last sweep at the latest. While they are unhealthy: as often as the read rate allows,
    at best every 2 s.
    """

    def __init__(
        self,
        hub: Hub,
        repository: ChatRepository,
        presence: Presence,
        seen: SeenMarks,
        closing: Closing,
        clock: Clock,
        watch: ClockWatch,
        settings: SweepSettings,
        metrics: ChatMetrics,
    ) -> None:
        self._hub = hub
        self._repository = repository
        self._presence = presence
        self._seen = seen
        self._closing = closing
        self._clock = clock
        self._watch = watch
        self._settings = settings
        self._metrics = metrics
        self._queue: list[tuple[float, int, LiveChannel]] = []
        self._order = itertools.count()
        self._tasks = Tasks()
        self.healthy = True
        """Whether the fast path works: set by the node."""

    # ---------------------------------------------------------------- when
    def watch_channel(self, live: LiveChannel) -> None:
        """A socket joined the channel, a node of it was lost, or what was posted to it may have been."""
        now = self._clock.boot_s()
        for delay_s in SOON_S:
            live.sweep_at.append(now + delay_s)
            self._push(live, now + delay_s)

    def stir(self, live: LiveChannel) -> None:
        """There is traffic in a channel that had none since its last sweep."""
        self._push(live, self._clock.boot_s() + self._settings.quiet_s)

    def _push(self, live: LiveChannel, at: float) -> None:
        """Look at a channel again at a time, unless it will be looked at before."""
        if live.look_at is None or at < live.look_at:
            live.look_at = at
            heapq.heappush(self._queue, (at, next(self._order), live))

    def _due_at(self, live: LiveChannel) -> float:
        if live.failing_since is not None:  # whatever is due since then stays due: a store that is away is not to be hammered
            return live.tried_boot_s + UNHEALTHY_EVERY_S
        due = [live.swept_boot_s + self._settings.every_s, *live.sweep_at]
        if live.traffic_at is not None:
            due.append(live.traffic_at + self._settings.quiet_s)
        if not self.healthy:
            due.append(live.tried_boot_s + UNHEALTHY_EVERY_S)
        return min(due)

    async def tick(self) -> None:
        """Begin the sweeps that are due; to be called every `TICK_S`."""
        self._watch.trustworthy()
        for live in self._next(max(1, round(self._settings.reads_per_second * TICK_S))):
            while len(self._tasks) >= AT_ONCE:  # noqa: ASYNC110 - rare, and ends with the next answer of the store
                await asyncio.sleep(0.001)
            self._tasks.spawn(self.sweep(live))

    def close_unswept(self) -> None:
        """Send the sockets of channels away that could not be swept in time: whoever resumes elsewhere may fare better."""
        longest_s = self._settings.every_s + UNSWEPT_CLOSE_S
        for live in tuple(self._hub.channels.values()):
            if self._clock.boot_s() - live.swept_boot_s > longest_s:
                live.close(Close.TROUBLE, "the store does not answer")

    def _next(self, most: int) -> list[LiveChannel]:
        """The channels that are due now, the longest unswept first where all are."""
        now = self._clock.boot_s()
        while self._queue and not self._queue[0][2].sockets:
            heapq.heappop(self._queue)
        if not self.healthy:
            waiting = [live for live in self._hub.channels.values() if not live.sweeping and self._due_at(live) <= now]
            return heapq.nsmallest(most, waiting, key=lambda live: live.tried_boot_s)
        chosen: list[LiveChannel] = []
        while self._queue and self._queue[0][0] <= now and len(chosen) < most:
            at, _, live = heapq.heappop(self._queue)
            if at != live.look_at or not live.sockets:
                continue
            live.look_at = None
            due_at = self._due_at(live)
            if due_at > now:
                self._push(live, due_at)
            elif not live.sweeping:  # else its end looks at it again
                chosen.append(live)
        return chosen

    # ---------------------------------------------------------------- how
    async def sweep(self, live: LiveChannel) -> None:
        """Read a channel again, and deliver what is new to its sockets here."""
        began_ms, began_s = self._clock.wall_ms(), self._clock.boot_s()
        live.sweeping, live.tried_boot_s = True, began_s
        live.sweep_at = [at for at in live.sweep_at if at > began_s]
        traffic_at, live.traffic_at = live.traffic_at, None
        try:
            # By whichever clock says that the last sweep is longer ago.
            last_ms = min(live.swept_wall_ms, began_ms - (began_s - live.swept_boot_s) * 1000)
            since = MessageId(first_id_at(last_ms - self._settings.margin_s * 1000))
            excerpt = await self._repository.read_after(live.id, since)
        except Unavailable:
            live.traffic_at = live.traffic_at or traffic_at
            self._failed(live, began_s)
        except NotFound:
            self._closing.end(live, closed_by=None)
        else:
            await self._apply(live, excerpt, since, began_ms, began_s)
        finally:
            live.sweeping = False
            self._push(live, max(self._due_at(live), self._clock.boot_s() + TICK_S))

    async def _apply(self, live: LiveChannel, excerpt: Excerpt, since: MessageId, began_ms: int, began_s: float) -> None:
        if not self._watch.trustworthy():
            return
        live.failing_since = None
        for message in excerpt.messages:
            if message.id not in live.pending:
                self._metrics.swept.inc(live.hand(message))
        for side, member in enumerate(excerpt.channel.members):
            self._seen.learn(live, side, member.seen_id)
        live.swept_wall_ms, live.swept_boot_s = began_ms, began_s
        for socket in live.sockets:
            socket.once.forget_before(since, began_s)
        self._closing.check(live, excerpt.channel)
        self._metrics.sweeps.labels("complete").inc()
        if live.sockets:
            await self._presence.refresh(live)

    def _failed(self, live: LiveChannel, began_s: float) -> None:
        self._metrics.sweeps.labels("failed").inc()
        if live.failing_since is None:
            live.failing_since = began_s
        if began_s - live.failing_since > UNSWEPT_CLOSE_S:
            live.close(Close.TROUBLE, "the store does not answer")
