"""One match node's place among the others: its lease, its topic, its health."""

from __future__ import annotations

import contextlib

from randomchat.clock import Clock
from randomchat.errors import Close, Unavailable
from randomchat.ids import NodeId
from randomchat.infra.clock_watch import ClockWatch
from randomchat.infra.mailbox import Mailbox
from randomchat.infra.node import LEASE_S, NodeLeases
from randomchat.infra.tasks import Loops, Tasks
from randomchat.match.confirmation import ANSWER_S, Confirmations
from randomchat.match.posts import Answer, Ask, Beat, Letter, Matched, Post, PostOffice, Released
from randomchat.match.results import Result
from randomchat.match.searches import Searches
from randomchat.match.upkeep import RENEW_S, TICK_S, Upkeep

BEAT_EVERY_S = LEASE_S / 4
ASK_MAX_AGE_MS = (ANSWER_S + 2) * 1000
"""By then nobody waits for the answer, even if the clocks are as far apart as they may be."""
STOP_WITHIN_S = 2.0


class MatchNode:
    """Receives the other nodes' posts, and keeps this node's searches going."""

    def __init__(
        self,
        node_id: NodeId,
        searches: Searches,
        confirmations: Confirmations,
        upkeep: Upkeep,
        posts: PostOffice,
        mailbox: Mailbox,
        leases: NodeLeases,
        watch: ClockWatch,
        clock: Clock,
        tasks: Tasks,
    ) -> None:
        self.id = node_id
        self._searches = searches
        self._confirmations = confirmations
        self._upkeep = upkeep
        self._posts = posts
        self._mailbox = mailbox
        self._leases = leases
        self._watch = watch
        self._clock = clock
        self._tasks = tasks
        self._heard_at_s = self._renewed_at_s = clock.boot_s()
        self._alive: frozenset[NodeId] = frozenset()
        self._transit_ms = 0.0
        self._loops = Loops()

    async def start(self) -> None:
        """Make the topic, take the lease, and begin to pair people."""
        await self._posts.open(self._receive)
        await self._beat()
        self._loops.repeat(self._beat, BEAT_EVERY_S)
        self._loops.repeat(self._tick, TICK_S)
        self._loops.repeat(self._upkeep.renew, RENEW_S)

    async def stop(self) -> None:
        """Let the pairs under way come to their end, for a moment, and give up topic and lease."""
        await self._loops.close()
        await self._tasks.close(STOP_WITHIN_S)
        with contextlib.suppress(Unavailable):
            await self._leases.release(self.id)
        await self._mailbox.close()

    def trouble(self) -> str | None:
        """Why people can't be paired at the moment, or None. They may wait all the same."""
        if self._clock.boot_s() - self._renewed_at_s > LEASE_S:
            return "the store of the queue does not answer"
        if self._clock.boot_s() - self._heard_at_s > LEASE_S:
            return "the mailbox does not deliver"
        return self.clock_trouble()

    def clock_trouble(self) -> str | None:
        """Why nobody should wait here at the moment, or None. The places of all in the queue go by the clocks of its nodes."""
        return self._watch.disagreement(self._alive)

    async def _tick(self) -> None:
        self._watch.trustworthy()
        await self._upkeep.tick()

    async def _beat(self) -> None:
        for node in (self.id, *self._alive):
            self._posts.send(node, Beat())
        with contextlib.suppress(Unavailable):
            await self._leases.renew(self.id)
            self._alive = await self._leases.list_alive() - {self.id}
            self._renewed_at_s = self._clock.boot_s()
        if self.clock_trouble() is not None:
            self._upkeep.send_away(Close.TROUBLE)

    def _receive(self, letter: Letter) -> None:
        age_ms = self._clock.wall_ms() - letter.sent_ms
        if letter.sender == self.id:
            self._heard_at_s, self._transit_ms = self._clock.boot_s(), max(0.0, age_ms)
        else:
            self._watch.compare(letter.sender, letter.sent_ms, self._transit_ms)
        if self._watch.trustworthy() and not (isinstance(letter.post, Ask) and age_ms > ASK_MAX_AGE_MS):
            self._take(letter.post)

    def _take(self, post: Post) -> None:
        match post:
            case Ask():
                self._tasks.spawn(self._confirmations.receive_ask(post))
            case Answer():
                self._confirmations.receive_answer(post)
            case Released():
                self._searches.lapse(post.user_id, post.ask_id)
            case Matched():
                self._searches.matched(post.user_id, Result(post.ticket_id, post.channel_id, post.common))
