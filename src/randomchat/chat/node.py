"""One chat node's place among the others: its lease, its topic, its health."""

from __future__ import annotations

import contextlib

from randomchat.chat.closing import Closing
from randomchat.chat.delivery import Delivery
from randomchat.chat.hub import Hub
from randomchat.chat.metrics import ChatMetrics
from randomchat.chat.posts import (
    Beat,
    Closed,
    CloseSockets,
    Outbox,
    Post,
    Present,
    Seen,
    Stored,
    Typing,
    UnknownPost,
    open_envelope,
)
from randomchat.chat.presence import Presence
from randomchat.chat.seen import SeenMarks
from randomchat.chat.sweep import TICK_S, Sweep
from randomchat.chat.typing_signs import TypingSigns
from randomchat.clock import Clock
from randomchat.errors import Unavailable
from randomchat.ids import NodeId
from randomchat.infra.clock_watch import ClockWatch
from randomchat.infra.mailbox import Mailbox, topic_of
from randomchat.infra.node import NodeLeases
from randomchat.infra.tasks import Loops

BEAT_EVERY_S = 1.0
BEAT_LATE_S = 3.0
NEWS_MAX_AGE_MS = 10_000


class ChatNode:
    """Beats, receives the other nodes' posts, and notices when one of them, or the fast path, is lost."""

    def __init__(
        self,
        hub: Hub,
        delivery: Delivery,
        presence: Presence,
        typing: TypingSigns,
        seen: SeenMarks,
        sweep: Sweep,
        closing: Closing,
        outbox: Outbox,
        mailbox: Mailbox,
        leases: NodeLeases,
        watch: ClockWatch,
        clock: Clock,
        metrics: ChatMetrics,
    ) -> None:
        self.id: NodeId = outbox.node
        self._hub = hub
        self._delivery = delivery
        self._presence = presence
        self._typing = typing
        self._seen = seen
        self._sweep = sweep
        self._closing = closing
        self._outbox = outbox
        self._mailbox = mailbox
        self._leases = leases
        self._watch = watch
        self._clock = clock
        self._metrics = metrics
        self._alive: frozenset[NodeId] = frozenset()
        self._heard_at_s = self._renewed_at_s = clock.boot_s()
        self._transit_ms = 0.0
        self._loops = Loops()

    async def start(self) -> None:
        """Make the topic, take the lease, and begin to beat and to sweep."""
        await self._mailbox.subscribe(topic_of("chat", self.id), self._receive)
        await self._beat()
        self._loops.repeat(self._beat, BEAT_EVERY_S)
        self._loops.repeat(self._sweep.tick, TICK_S)

    async def stop(self) -> None:
        """Give up topic and lease."""
        await self._loops.close()
        with contextlib.suppress(Unavailable):
            await self._leases.release(self.id)
        await self._mailbox.close()

    # ---------------------------------------------------------------- health
    def fast_path_trouble(self) -> str | None:
        """Why posts can't be relied on at the moment, or None. Sockets are served all the same, by the sweep."""
        now = self._clock.boot_s()
        if now - self._renewed_at_s > BEAT_LATE_S:
            return "the routes do not answer"
        if now - self._heard_at_s > BEAT_LATE_S:
            return "the mailbox does not deliver"
        return None

    def clock_trouble(self) -> str | None:
        """Why no socket should be taken at the moment, or None."""
        return self._watch.disagreement(self._alive)

    async def _beat(self) -> None:
        self._watch.trustworthy()
        self._outbox.post_all({self.id, *self._alive}, Beat())
        with contextlib.suppress(Unavailable):
            known = await self._leases.renew(self.id)
            alive = await self._leases.list_alive() - {self.id}
            self._renewed_at_s = self._clock.boot_s()
            lost, self._alive = self._alive - alive, alive
            self._check_channels(lost, everything=not known)
        self._note_health(healthy=self.fast_path_trouble() is None)
        self._sweep.close_unswept()

    def _note_health(self, *, healthy: bool) -> None:
        """Once all is well again, look once more for what was posted in vain until just now."""
        recovered = healthy and not self._sweep.healthy
        self._sweep.healthy = healthy
        self._check_channels(frozenset(), everything=recovered)

    def _check_channels(self, lost: frozenset[NodeId], *, everything: bool) -> None:
        """Sweep soon what has lost a node; everything where the lease was lost, since every route may be too."""
        if lost or everything:
            for live in tuple(self._hub.channels.values()):
                lost_here = [node for node in lost if self._presence.lose_node(live, node)]
                if lost_here or everything:
                    self._sweep.watch_channel(live)

    # ---------------------------------------------------------------- posts
    def _receive(self, data: bytes) -> None:
        try:
            envelope, post = open_envelope(data)
        except UnknownPost:
            self._metrics.posts.labels("unknown").inc()
            return
        self._metrics.posts.labels(type(post).__name__.lower()).inc()
        age_ms = self._clock.wall_ms() - envelope.sent_ms
        if envelope.node == self.id:
            self._heard_at_s, self._transit_ms = self._clock.boot_s(), max(0.0, age_ms)
            return
        self._watch.compare(envelope.node, envelope.sent_ms, self._transit_ms)
        if age_ms <= NEWS_MAX_AGE_MS or isinstance(post, Closed | CloseSockets):
            self._take(envelope.node, post)

    def _take(self, node: NodeId, post: Post) -> None:
        if isinstance(post, Beat):
            return
        if isinstance(post, CloseSockets):
            self._hub.close_sockets(post.numbers, post.code, post.reason)
            return
        live = self._hub.channels.get(post.channel)
        if live is None:
            return
        match post:
            case Stored():
                self._delivery.on_stored(live, post.message)
            case Seen():
                self._seen.on_seen(live, node, post)
            case Present():
                self._presence.on_present(live, node, post)
            case Typing():
                self._typing.on_typing(live, node, post)
            case Closed():
                self._closing.end(live, post.closed_by)
