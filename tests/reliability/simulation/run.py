"""One run: a channel, its two members' tabs, two or three nodes, and the faults that a seed chooses."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from prometheus_client import CollectorRegistry

from randomchat.chat import frames
from randomchat.chat.app import ChatApp, ChatPorts
from randomchat.chat.reception import Entrance
from randomchat.chat.routes_memory import MemoryRoutes
from randomchat.chat.tokens import Claims
from randomchat.chat.user_sockets_memory import MemoryUserSockets
from randomchat.config import LimitSettings, Settings
from randomchat.errors import RandomchatError
from randomchat.ids import MessageId, NodeId, UserId
from randomchat.infra.clock_watch import STANDSTILL_S
from randomchat.infra.mailbox_memory import MemoryBroker, MemoryMailbox, Weather
from randomchat.infra.node import new_node_id
from randomchat.infra.node_memory import MemoryNodeLeases
from tests.fakes import EmptyObjectStore
from tests.reliability.simulation.store import Health, Link, Store, new_channel
from tests.reliability.simulation.tab import Tab
from tests.reliability.simulation.wire import Wire
from tests.simulated_time import LoopClock, simulate

USERS = (UserId(1001), UserId(1002))
FAULTS = (
    "posts", "routes", "kill", "drain", "cut_reads", "cut_writes", "half_open", "away", "reload", "move", "clock", "suspend",
    "store", "tabs",
)  # fmt: skip
QUIET_S = 75.0
GONE_S = 5.0
"""A clean end, its grace of 2 s, and some time on the way."""
DEAD_S = 40.0
"""A lease, the grace of 15 s, and some time to connect elsewhere; less than a dead node's route lasts."""
SKEW_S = 1.5


class NodeClock(LoopClock):
    """`suspended_s`: for how long the machine was suspended; both its clocks have gone on meanwhile, as far as it can tell."""

    suspended_s = 0.0

    def boot_s(self) -> float:
        return super().boot_s() + self.suspended_s


class MutableMailbox(MemoryMailbox):
    """A node's mailbox; a killed node posts no more."""

    alive = True

    def post(self, topic: str, data: bytes) -> None:
        if self.alive:
            super().post(topic, data)


class MortalLeases(MemoryNodeLeases):
    """The dead release nothing: their leases lapse."""

    def __init__(self, clock: LoopClock) -> None:
        super().__init__(clock)
        self.dead: set[NodeId] = set()

    async def release(self, node: NodeId) -> None:
        if node not in self.dead:
            await super().release(node)


@dataclass
class Shared:
    """What all nodes share."""

    store: Store
    broker: MemoryBroker
    routes: MemoryRoutes
    leases: MortalLeases
    user_sockets: MemoryUserSockets


class Node:
    """A chat node, as it runs in production, on ports that a test can break."""

    def __init__(self, shared: Shared, skew_s: float) -> None:
        self.clock = NodeClock(skew_s)
        self.link = Link(shared.store)
        self._leases = shared.leases
        self.mailbox = MutableMailbox(shared.broker)
        self.alive, self.draining = True, False
        ports = ChatPorts(
            self.link, shared.routes, shared.leases, self.mailbox, shared.user_sockets, EmptyObjectStore(), self.clock
        )
        settings = Settings(limits=LimitSettings(enabled=False))
        self.app = ChatApp(new_node_id("sim"), ports, [b"k" * 32], settings, CollectorRegistry())
        self._served: dict[asyncio.Task[None], Wire] = {}

    async def start(self) -> None:
        await self.app.start()

    def serves(self, wire: Wire) -> bool:
        return wire in self._served.values()

    def suspend(self, seconds: float) -> list[Wire]:
        """The machine stands still; the answer is the lines that must end before anything else is sent on them."""
        self.clock.suspended_s += seconds
        wires = list(self._served.values()) if seconds > STANDSTILL_S else []
        for wire in wires:
            wire.must_end = True
        return wires

    def takes_sockets(self) -> bool:
        return self.alive and not self.draining and self.app.node.clock_trouble() is None

    def connect(self, user_id: str, wire: Wire, after: int) -> None:
        task = asyncio.create_task(self._serve(UserId(int(user_id)), wire, MessageId(after)))
        self._served[task] = wire
        task.add_done_callback(lambda done: self._served.pop(done, None))

    async def _serve(self, user_id: UserId, wire: Wire, after: MessageId) -> None:
        try:
            channel = await self.link.get_channel(new_channel(USERS).id)
        except RandomchatError:
            wire.close(4012)
            return
        now_s = self.clock.wall_ms() // 1000
        claims = Claims(user_id, channel.id, now_s, now_s + 10**6)
        await self.app.reception.serve(Entrance(claims, channel, after), wire, wire)

    async def kill(self) -> None:
        """The process is gone: its posts, its writes that are not under way yet, its sockets. Its lease lapses."""
        self._leases.dead.add(self.app.node.id)
        await self.end()

    async def end(self) -> None:
        """As `kill`, but in order."""
        self.alive = self.mailbox.alive = self.link.alive = False
        for task, wire in tuple(self._served.items()):
            wire.cut(0.1, 0)
            task.cancel()
        await self.app.node.stop()

    async def drain(self) -> None:
        self.draining = True
        await self.app.drain()


@dataclass
class Run:
    """`violations` is what to look at after `play`."""

    seed: int
    minutes: float = 3.0
    faults: tuple[str, ...] | None = None
    violations: list[str] = field(default_factory=list)
    acknowledged: int = 0
    chosen: tuple[str, ...] = ()

    def play(self) -> Run:
        simulate(self._play())
        return self

    async def _play(self) -> None:
        self.random = Random(self.seed)
        drawn = tuple(fault for fault in FAULTS if self.random.random() < 0.6)
        self.stood_still: list[Wire] = []
        self.chosen = drawn if self.faults is None else self.faults
        clock = LoopClock()
        self.shared = Shared(
            Store(self.random, new_channel(USERS)),
            MemoryBroker(Weather(self.seed)),
            MemoryRoutes(clock),
            MortalLeases(clock),
            MemoryUserSockets(),
        )
        self.nodes = [await self._start_node() for _ in range(self.random.choice((2, 2, 3)))]
        self.tabs = [self._open_tab("anna", 0), self._open_tab("ben", 1)]
        if "tabs" in self.chosen:
            self.tabs.append(self._open_tab("anna2", 0))
        chatter, trouble = asyncio.create_task(self._chatter()), asyncio.create_task(self._trouble())
        await asyncio.sleep(self.minutes * 60)
        for task in (chatter, trouble):
            task.cancel()
        await asyncio.gather(chatter, trouble, return_exceptions=True)
        await self._heal()
        self._judge()
        await self._part()
        for tab in self.tabs:
            await tab.stop()
        for node in self.nodes:
            await node.kill()

    # ---------------------------------------------------------------- the scene
    async def _start_node(self) -> Node:
        node = Node(self.shared, self.random.uniform(-SKEW_S / 2, SKEW_S / 2))
        await node.start()
        return node

    def _open_tab(self, name: str, side: int) -> Tab:
        return Tab(name, str(USERS[side]), self.random, self._choose, self._history)

    def _choose(self) -> Node | None:
        willing = [node for node in self.nodes if node.takes_sockets()]
        return self.random.choice(willing) if willing and self.random.random() > 0.05 else None

    def _history(self) -> list[dict[str, Any]]:
        return [json.loads(frames.encode(frames.stored(message))) for message in self.shared.store.history()]

    async def _chatter(self) -> None:
        pause_s, said = self.random.choice((0.2, 1, 4)), 0
        while True:
            tab = self.random.choice(self.tabs)
            for _ in range(self.random.choice((1, 1, 1, 2, 3, 6, 12))):
                said += 1
                tab.say(f"{tab.name} says {said}")
                if self.random.random() < 0.3:
                    await asyncio.sleep(self.random.uniform(0, 0.3))
            await asyncio.sleep(self.random.expovariate(1 / pause_s))

    async def _heal(self) -> None:
        self.shared.broker.weather, self.shared.store.health = Weather(self.seed), Health()
        for tab in self.tabs:
            tab.away = False
        for index, node in enumerate(self.nodes):
            node.link.reads = node.link.writes = True
            node.clock.skew_s = max(-SKEW_S / 2, min(SKEW_S / 2, node.clock.skew_s))
            if node.draining or not node.alive:
                self.nodes[index] = await self._start_node()
        for _ in range(40):
            await asyncio.sleep(5)
            if all(tab.live and not tab.outbox for tab in self.tabs):
                break
        await asyncio.sleep(QUIET_S)

    # ---------------------------------------------------------------- the faults
    async def _trouble(self) -> None:
        pace_s = self.random.choice((3, 6, 15, 40))
        while self.chosen:
            await asyncio.sleep(self.random.expovariate(1 / pace_s))
            await self._strike(self.random.choice(self.chosen))

    async def _strike(self, fault: str) -> None:  # noqa: C901, PLR0912 - one case for each fault
        random, node, tab = self.random, self.random.choice(self.nodes), self.random.choice(self.tabs)
        span_s = random.choice((3, 10, 30, 90)) * random.uniform(0.5, 1.5)
        match fault:
            case "posts":
                lost, late = random.choice((0.0, 0.5, 1.0)), random.choice((0.0, 0.3))
                self.shared.broker.weather = Weather(self.seed, lost, random.choice((0.0, 0.3)), late, (0.0, 15.0))
                self._later(span_s, lambda: setattr(self.shared.broker, "weather", Weather(self.seed)))
            case "routes":
                self.shared.routes.empty()
                self.shared.leases.empty()
            case "kill" if node.alive:
                await node.kill()
                self._replace(node, random.uniform(1, 20))
            case "drain" if node.alive and not node.draining:
                await node.drain()
                await node.end()
                self._replace(node, 1)
            case "cut_reads":
                node.link.reads = False
                self._later(span_s, lambda: setattr(node.link, "reads", True))
            case "cut_writes":
                node.link.writes = False
                self._later(span_s, lambda: setattr(node.link, "writes", True))
            case "half_open" if tab.wire is not None:
                tab.wire.cut(random.choice((0, 0.5, 20)), random.choice((0, 1, 60)) * random.random())
            case "away":
                tab.away = True
                self._later(span_s, lambda: setattr(tab, "away", False))
                if tab.wire is not None:
                    tab.wire.cut(0, random.choice((0, 1, 60)) * random.random())
            case "reload":
                tab.reload()
            case "move":
                tab.disconnect()
            case "clock":
                right = random.uniform(-SKEW_S / 2, SKEW_S / 2)
                node.clock.skew_s += random.choice((-1, 1)) * random.choice((3, 20, 60, 300))
                self._later(span_s, lambda: setattr(node.clock, "skew_s", right))
            case "suspend":
                self.stood_still += node.suspend(random.choice((5, 12, 60)))
            case "store":
                p = random.choice((0.05, 0.2, 0.5))
                half = p / 2
                self.shared.store.health = Health(
                    refused=half * random.random(),
                    lost_answer=half * random.random(),
                    surfacing=half * random.random(),
                    slow=half * random.random(),
                    unread=p * random.random(),
                )
                self._later(span_s, lambda: setattr(self.shared.store, "health", Health()))

    def _later(self, delay_s: float, action: Callable[[], None]) -> None:
        asyncio.get_running_loop().call_later(delay_s, action)

    def _replace(self, node: Node, after_s: float) -> None:
        async def start() -> None:
            await asyncio.sleep(after_s)
            fresh = await self._start_node()
            with contextlib.suppress(ValueError):
                self.nodes[self.nodes.index(node)] = fresh

        self._starting = asyncio.create_task(start())

    # ---------------------------------------------------------------- the judgement
    def _judge(self) -> None:
        found, store = self.violations, self.shared.store
        found += [f"stuck: {tab.name}" for tab in self.tabs if not tab.live or tab.outbox]
        found += [f"after a standstill: {wire.said_too_much} frames" for wire in self.stood_still if wire.said_too_much]
        if self.faults:  # a late resend is stored again by rights; few faults leave room to tell which are not
            found += [f"stored again for nothing: {message_id}" for message_id in store.needless]
        found += [f"presence: {tab.name} is told {tab.peer_state}" for tab in self.tabs if tab.peer_state != "joined"]
        found += [f"overwritten: {message_id}" for message_id in store.overwritten]
        acknowledged = {client_id: at for tab in self.tabs for client_id, at in tab.acknowledged.items()}
        self.acknowledged = len(acknowledged)
        history = [message.client_id or "" for message in store.history()]
        self._judge_view("history", history, acknowledged)
        for tab in self.tabs:
            self._judge_view(f"{tab.name}'s screen", [line["client_id"] for line in tab.screen.ordered()], acknowledged)
            found += [f"twice on one socket: {client_id} for {tab.name}" for client_id in tab.twice]
            found += [f"before the replay was out: {client_id} for {tab.name}" for client_id in tab.too_soon]

    async def _part(self) -> None:
        """A member goes, and the other one is told; then the other one ends the conversation."""
        anna, ben = self.tabs[:2]
        killed = self.seed % 2 == 0
        for tab in (anna, *self.tabs[2:]):
            tab.gone = True
            for node in [node for node in self.nodes if killed and tab.wire is not None and node.serves(tab.wire)]:
                await node.kill()
                self.nodes.append(await self._start_node())
            tab.disconnect()
        await asyncio.sleep(DEAD_S if killed else GONE_S)
        if ben.peer_state != "offline":
            how = "was on a node that died" if killed else "has gone"
            self.violations.append(f"presence: {anna.name} {how}, and {ben.name} is told {ben.peer_state}")
        ben.on_over = self._check_over
        service = next((node for node in self.nodes if node.takes_sockets()), await self._start_node()).app.service
        await service.close_channel(self.shared.store.channel, USERS[1])
        await asyncio.sleep(1)

    def _check_over(self) -> None:
        if self.shared.store.channel.closed_at_ms is None:
            self.violations.append("it is said to be over, and the store does not know")

    def _judge_view(self, where: str, shown: list[str], acknowledged: dict[str, float]) -> None:
        self.violations += [f"missing: {client_id} in {where}" for client_id in acknowledged.keys() - set(shown)]
        last: dict[str, int] = {}
        for client_id in shown:
            tab, number = client_id.split(".")
            if int(number) < last.get(tab, -1):
                self.violations.append(f"order: {client_id} in {where}")
            last[tab] = max(int(number), last.get(tab, -1))
