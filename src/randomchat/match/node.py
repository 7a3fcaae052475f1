"""One match node's place among the others: its lease, its topic, its health."""

from __future__ import annotations

import contextlib

from randomchat.clock import Clock
from randomchat.errors import Unavailable
from randomchat.ids import NodeId
from randomchat.infra.mailbox import Mailbox
from randomchat.infra.node import LEASE_S, NodeLeases
from randomchat.infra.tasks import Loops, Tasks
from randomchat.match.confirmation import Confirmations
from randomchat.match.posts import Answer, Ask, Matched, Post, PostOffice, Released
from randomchat.match.results import Result
from randomchat.match.searches import Searches
from randomchat.match.upkeep import RENEW_S as TICKETS_RENEW_S
from randomchat.match.upkeep import TICK_S, Upkeep

RENEW_S = LEASE_S / 4
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
        self._clock = clock
        self._tasks = tasks
        self._renewed_at_s = clock.boot_s()
        self._loops = Loops()

    async def start(self) -> None:
        """Make the topic, take the lease, and begin to pair people."""
        await self._posts.open(self._receive)
        await self._renew()
        self._loops.repeat(self._renew, RENEW_S)
        self._loops.repeat(self._upkeep.tick, TICK_S)
        self._loops.repeat(self._upkeep.renew, TICKETS_RENEW_S)

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
        return None

    async def _renew(self) -> None:
        with contextlib.suppress(Unavailable):
            await self._leases.renew(self.id)
            self._renewed_at_s = self._clock.boot_s()

    def _receive(self, post: Post) -> None:
        match post:
            case Ask():
                self._tasks.spawn(self._confirmations.receive_ask(post))
            case Answer():
                self._confirmations.receive_answer(post)
            case Released():
                self._searches.lapse(post.user_id, post.ask_id)
            case Matched():
                self._searches.matched(post.user_id, Result(post.ticket_id, post.channel_id, post.common))
