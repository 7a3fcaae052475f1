"""People who look for partners on two match nodes, on simulated time, while much goes wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from prometheus_client import CollectorRegistry

from randomchat.config import Settings
from randomchat.errors import Close, Conflict, NotFound, Unavailable
from randomchat.ids import ChannelId, NodeId, TicketId, UserId
from randomchat.infra.mailbox_memory import MemoryBroker, MemoryMailbox, Weather
from randomchat.infra.node_memory import MemoryNodeLeases
from randomchat.interfaces.chat import Membership, Seat, TokenHolder
from randomchat.interfaces.user import Account
from randomchat.match.app import MatchApp, MatchPorts
from randomchat.match.queue_memory import MemoryTicketQueue
from randomchat.match.recent_memory import MemoryRecentPartners
from randomchat.match.results import Result
from randomchat.match.results_memory import MemoryResultStore
from randomchat.match.searches import Search
from randomchat.match.tickets import Ticket, Wish
from tests.simulated_time import LoopClock
from tests.unit.match.far_stores import Distance, FarQueue, FarResults


class AnyUser:
    """`UserApi` in which every session lives, and belongs to the user whose id it is."""

    async def authenticate(self, session_token: str) -> Account:
        return Account(UserId(int(session_token)), "somebody", "")


class ChannelStore:
    """`ChatApi` that makes channels as its contract says, and in `trouble` fails in every way that the contract allows.

    `takes_s`: how long making a channel takes; `asked`: how often one was asked for. `conflicts`: pairs that were asked for
    although one of their tickets had a channel. Confirmation is there to prevent that.
    """

    def __init__(self, random: Random) -> None:
        self.trouble = False
        self.takes_s = 0.0
        self.asked = 0
        self.channels: dict[ChannelId, tuple[Seat, Seat]] = {}
        self.closed: set[ChannelId] = set()
        self.joined: set[tuple[ChannelId, UserId]] = set()
        self.conflicts = 0
        self._by_ticket: dict[TicketId, ChannelId] = {}
        self._random = random
        self.clock = LoopClock()

    async def create_channel(self, first: Seat, second: Seat, *, not_after_ms: int) -> ChannelId:
        self.asked += 1
        work = asyncio.create_task(self._create(first, second, not_after_ms))
        work.add_done_callback(asyncio.Task.exception)  # it goes on where the caller is gone, and nobody hears of its end
        return await asyncio.shield(work)

    async def pair(self, one: UserId, other: UserId) -> ChannelId:
        """A channel that was made unseen."""
        seats = Seat(one, TicketId(-one)), Seat(other, TicketId(-other))
        return await self.create_channel(*seats, not_after_ms=self.clock.wall_ms() + 1000)

    async def _create(self, first: Seat, second: Seat, not_after_ms: int) -> ChannelId:
        if self.takes_s:
            await asyncio.sleep(self.takes_s)
        if not self.trouble:
            return self._write(first, second, not_after_ms)
        fate = self._random.random()
        if fate < 0.1:
            raise Unavailable
        if fate < 0.2:  # the write is still under way when the caller is told that nobody knows
            delay_s = self._random.uniform(0, 12)
            asyncio.get_running_loop().call_later(delay_s, self._write_late, first, second, not_after_ms)
            raise Unavailable
        if fate < 0.4:
            await asyncio.sleep(self._random.uniform(0, 20))
        channel_id = self._write(first, second, not_after_ms)
        if fate > 0.9:
            raise Unavailable
        return channel_id

    async def find_channel_of_ticket(self, ticket_id: TicketId) -> ChannelId | None:
        if self.trouble and self._random.random() < 0.2:
            raise Unavailable
        return self._by_ticket.get(ticket_id)

    async def find_membership(self, channel_id: ChannelId, user_id: UserId) -> Membership | None:
        if channel_id not in self.channels:
            return None
        return Membership(channel_id, user_id, channel_id not in self.closed, (channel_id, user_id) in self.joined)

    async def issue_token(self, channel_id: ChannelId, user_id: UserId) -> str:
        if channel_id in self.closed:
            raise NotFound
        return f"token of {user_id} for {channel_id}"

    async def shares_channel(self, one: UserId, other: UserId) -> bool:
        raise NotImplementedError

    async def sign_out(self, user_id: UserId) -> None:
        raise NotImplementedError

    async def verify_token(self, token: str) -> TokenHolder:
        raise NotImplementedError

    def _write(self, first: Seat, second: Seat, not_after_ms: int) -> ChannelId:
        if self.clock.wall_ms() > not_after_ms:
            raise Unavailable
        known = {self._by_ticket.get(seat.ticket_id) for seat in (first, second)}
        if known == {None}:
            channel_id = ChannelId(len(self.channels) + 1)
            self.channels[channel_id] = (first, second)
            self._by_ticket[first.ticket_id] = self._by_ticket[second.ticket_id] = channel_id
            return channel_id
        if len(known) == 1:
            return self._by_ticket[first.ticket_id]
        self.conflicts += 1
        raise Conflict

    def _write_late(self, first: Seat, second: Seat, not_after_ms: int) -> None:
        try:
            self._write(first, second, not_after_ms)
        except (Conflict, Unavailable):
            return


class FakeTab:
    """A socket that notes what it is told."""

    def __init__(self) -> None:
        self.is_alive = True
        self.signed_out = False
        self.session_checks = 0
        self.results: list[Result] = []
        self.close_codes: list[int] = []

    async def check_session(self) -> None:
        self.session_checks += 1
        await asyncio.sleep(0.01)
        if self.signed_out:
            self.close(Close.REVOKED)

    def matched(self, result: Result) -> None:
        assert self.is_alive or not self.results
        self.results.append(result)

    def close(self, code: int) -> None:
        self.is_alive = False
        self.close_codes.append(code)


@dataclass
class Person:
    """Somebody who looks for one partner, with one or more tabs. `told`: the channels of which their living tabs heard."""

    user_id: UserId
    wish: Wish
    tabs: list[tuple[MatchApp, Search, FakeTab]] = field(default_factory=list)
    gone: bool = False
    told: set[ChannelId] = field(default_factory=set)

    def open_tab(self, app: MatchApp) -> FakeTab:
        tab = FakeTab()
        self.tabs.append((app, app.service.join(self.user_id, self.wish, tab), tab))
        return tab

    def lose_tabs(self) -> None:
        for app, search, tab in self.tabs:
            if tab.is_alive:
                tab.is_alive = False
                app.service.part(search, tab)

    def leave_tabs(self) -> None:
        """Let go of tabs that the node has closed."""
        for app, search, tab in self.tabs:
            if tab in search.tabs:
                app.service.part(search, tab)

    def hear(self) -> None:
        for _, _, tab in self.tabs:
            if tab.is_alive:
                self.told.update(result.channel_id for result in tab.results)

    @property
    def living_tabs(self) -> list[FakeTab]:
        return [tab for _, _, tab in self.tabs if tab.is_alive]


class NodeClock(LoopClock):
    """`suspended_s`: for how long the node stood still, which others did not."""

    suspended_s = 0.0

    def boot_s(self) -> float:
        return super().boot_s() + self.suspended_s


class Town:
    """Match nodes that share everything which real nodes share. `clocks`: the nodes' own."""

    def __init__(self, seed: int, nodes: int = 2, queue: type[MemoryTicketQueue] = MemoryTicketQueue, skew_s: float = 0) -> None:
        self.random = Random(seed)
        self.settings = Settings()
        self.clock = LoopClock()
        self.broker = MemoryBroker(Weather(seed))
        self.queue = queue(self.clock, self.settings.match.widening)
        self.results = MemoryResultStore(self.clock, self.settings.match.result_ttl_s)
        self.recent = MemoryRecentPartners(self.clock, count=10, hours=24)
        self.chat = ChannelStore(self.random)
        self.people: list[Person] = []
        self.killed: set[int] = set()
        self.distance = Distance(self.random)
        far_queue, far_results = FarQueue(self.queue, self.distance), FarResults(self.results, self.distance)
        leases = MemoryNodeLeases(self.clock)
        self.clocks = [NodeClock(0 if number else skew_s) for number in range(nodes)]
        self.apps = [
            MatchApp(
                NodeId(f"node-{number}"),
                MatchPorts(AnyUser(), self.chat, far_queue, far_results, self.recent, leases, MemoryMailbox(self.broker), clock),
                self.settings,
                CollectorRegistry(),
            )
            for number, clock in enumerate(self.clocks)
        ]

    def person(self, wish: Wish | None = None) -> Person:
        person = Person(UserId(len(self.people) + 1), wish or Wish())
        self.people.append(person)
        return person

    async def start(self) -> None:
        for app in self.apps:
            await app.start()

    async def kill(self, number: int) -> None:
        """Nothing is heard of a node any more, and it does nothing any more."""
        node = self.apps[number].node
        self.killed.add(number)
        await node._mailbox.close()
        node._loops.cancel()
        await node._tasks.close(0)

    async def stop(self) -> None:
        for number, app in enumerate(self.apps):
            if number in self.killed:
                continue
            await app.drain()
            await app.stop()

    def tickets_of(self, person: Person) -> list[Ticket]:
        return [search.ticket for _, search, _ in person.tabs]

    def channels_of(self, person: Person) -> list[ChannelId]:
        return [
            channel_id for channel_id, pair in self.chat.channels.items() if person.user_id in {seat.user_id for seat in pair}
        ]


async def until(condition: Callable[[], bool], within_s: float = 60) -> None:
    """Let time pass until something is so."""
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110 - simulated time is free, and the condition anything
            await asyncio.sleep(0.05)
