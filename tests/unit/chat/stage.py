"""Chat nodes, two members and their lines, on simulated time: minutes of presence and sweeping pass in milliseconds."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterable, AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from prometheus_client import CollectorRegistry

from randomchat.chat.app import ChatApp, ChatPorts
from randomchat.chat.domain import Excerpt, Message
from randomchat.chat.reception import Entrance
from randomchat.chat.routes_memory import MemoryRoutes
from randomchat.chat.tokens import Claims
from randomchat.chat.user_sockets_memory import MemoryUserSockets
from randomchat.config import Settings
from randomchat.errors import NotFound, Unavailable
from randomchat.ids import ChannelId, MessageId, NodeId, UserId
from randomchat.infra.mailbox_memory import MemoryBroker, MemoryMailbox
from randomchat.infra.node import NodeLeases
from randomchat.infra.node_memory import MemoryNodeLeases
from randomchat.infra.object_store import Examine, ObjectKey, OpenObject, StoredObject
from tests.reliability.simulation.store import Link, Store, new_channel
from tests.simulated_time import LoopClock, simulate

TEXT, ACTION, SEEN, FILE, SYNC, ERROR, BEAT = range(7)
ANNA, BEN = UserId(1001), UserId(1002)
Frame = dict[str, Any]


@dataclass(frozen=True)
class Received:
    """A frame, and when it came, in seconds since the stage was set."""

    at_s: float
    frame: Frame


class Line:
    """A connection without latency: `Connection` and `Incoming` for the node, and the client's end of it."""

    def __init__(self, began_s: float) -> None:
        self.received: list[Received] = []
        self.close_code: int | None = None
        self.closed_with: int | None = None
        self.closed_at_s = 0.0
        self.queued_bytes = 0
        self._began_s = began_s
        self._incoming: asyncio.Queue[str | int] = asyncio.Queue()

    # ---------------------------------------------------------------- the node's end
    def send_text(self, data: bytes) -> None:
        self.received.append(Received(self._now_s, json.loads(data)))

    def close(self, code: int, reason: str = "") -> None:
        self.closed_with, self.closed_at_s = code, self._now_s
        self._incoming.put_nowait(code)

    def abort(self) -> None:
        self.hang_up(1006)

    async def drained(self) -> None:
        """Nothing ever queues."""

    async def __aiter__(self) -> AsyncIterator[str | bytes]:
        while self.close_code is None:
            item = await self._incoming.get()
            if isinstance(item, int):
                self.close_code = item
            else:
                yield item

    # ---------------------------------------------------------------- the client's end
    def send(self, event: int, payload: str = "", **keys: Any) -> None:
        self._incoming.put_nowait(json.dumps({"event": event, "payload": payload, **keys}))

    def hang_up(self, code: int = 1000) -> None:
        self._incoming.put_nowait(code)

    def actions(self) -> list[tuple[float, str, str]]:
        """When it was told what of whom, to a tenth of a second."""
        frames = [(round(got.at_s, 1), got.frame) for got in self.received if got.frame["event"] == ACTION]
        names = {str(ANNA): "anna", str(BEN): "ben"}
        return [(at_s, names[frame["user_id"]], frame["payload"]) for at_s, frame in frames]

    def texts(self) -> list[str]:
        return [got.frame["payload"] for got in self.received if got.frame["event"] == TEXT]

    def last(self, event: int) -> Frame:
        return next(got.frame for got in reversed(self.received) if got.frame["event"] == event)

    @property
    def _now_s(self) -> float:
        return asyncio.get_running_loop().time() - self._began_s


class NodeClock(LoopClock):
    """`suspended_s`: how long the machine was suspended; its wall clock was set right again meanwhile."""

    suspended_s = 0.0

    def boot_s(self) -> float:
        return super().boot_s() + self.suspended_s

    def wall_ms(self) -> int:
        return super().wall_ms() + round(self.suspended_s * 1000)


class NotedLink(Link):
    """A node's way to the store.

    Notes when a channel was read, and from where; which messages were looked for; and when a watermark was written.
    """

    def __init__(self, store: Store, began_s: float) -> None:
        super().__init__(store)
        self.reads_at_s: list[float] = []
        self.read_from: list[MessageId] = []
        self.lookups: list[str] = []
        self.seen_writes_at_s: list[float] = []
        self.gone = False
        self._began_s = began_s

    async def read_after(self, channel_id: ChannelId, after: MessageId, limit: int | None = None) -> Excerpt:
        if limit is None:
            self.reads_at_s.append(asyncio.get_running_loop().time() - self._began_s)
            self.read_from.append(after)
        if self.gone:
            raise NotFound
        return await super().read_after(channel_id, after, limit)

    async def find_message(self, channel_id: ChannelId, sender: UserId, client_id: str) -> Message | None:
        self.lookups.append(client_id)
        return await super().find_message(channel_id, sender, client_id)

    async def advance_seen(self, channel_id: ChannelId, user_id: UserId, message_id: MessageId) -> None:
        self.seen_writes_at_s.append(asyncio.get_running_loop().time() - self._began_s)
        await super().advance_seen(channel_id, user_id, message_id)


class FlakyRoutes(MemoryRoutes):
    """Routes that can be away, or slow to write."""

    away = False
    write_takes_s = 0.0

    async def put(self, channel_id: ChannelId, node: NodeId, users: frozenset[UserId]) -> None:
        if self.write_takes_s:
            await asyncio.sleep(self.write_takes_s)
        await super().put(channel_id, node, users)

    async def get(self, channel_id: ChannelId) -> dict[NodeId, frozenset[UserId]]:
        if self.away:
            raise Unavailable
        return dict(await super().get(channel_id))


class FlakyLeases(MemoryNodeLeases):
    """Leases that can be away."""

    away = False

    async def renew(self, node: NodeId) -> bool:
        if self.away:
            raise Unavailable
        return await super().renew(node)


class NoObjects:
    """`ObjectStore` in which there is nothing."""

    async def stage(self, key: ObjectKey, chunks: AsyncIterable[bytes], *, max_bytes: int, size: int | None = None) -> None:
        raise Unavailable

    async def promote(self, key: ObjectKey, examine: Examine) -> StoredObject:
        raise NotFound

    async def stat(self, key: ObjectKey) -> StoredObject:
        raise NotFound

    def open(self, key: ObjectKey) -> AbstractAsyncContextManager[OpenObject]:
        raise NotFound

    async def delete_expired(self, before_ms: int, limit: int) -> int:
        return 0


class OwnLeases:
    """One node's way to the leases; a node that is cut off renews nothing, and does not know it."""

    cut_off = False

    def __init__(self, shared: NodeLeases) -> None:
        self._shared = shared

    async def renew(self, node: NodeId) -> bool:
        return True if self.cut_off else await self._shared.renew(node)

    async def release(self, node: NodeId) -> None:
        await self._shared.release(node)

    async def list_alive(self) -> frozenset[NodeId]:
        return await self._shared.list_alive()


class OwnMailbox(MemoryMailbox):
    """One node's mailbox; a node that is cut off posts nothing."""

    cut_off = False

    def post(self, topic: str, data: bytes) -> None:
        if not self.cut_off:
            super().post(topic, data)


@dataclass
class Node:
    """A node, its clock, and its ways to the store and to the others."""

    app: ChatApp
    clock: NodeClock
    link: NotedLink
    leases: OwnLeases
    mailbox: OwnMailbox

    def die(self) -> None:
        """Nothing is heard of it any more."""
        self.leases.cut_off = self.mailbox.cut_off = True


class Stage:
    """What the nodes share, and one channel of Anna and Ben."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._began_s = asyncio.get_running_loop().time()
        self.store = Store(Random(1), new_channel((ANNA, BEN)))
        self.broker = MemoryBroker()
        self.routes, self.leases = FlakyRoutes(LoopClock()), FlakyLeases(LoopClock())
        self.user_sockets = MemoryUserSockets()
        self.nodes: list[Node] = []
        self._served: set[asyncio.Task[None]] = set()

    @property
    def now_s(self) -> float:
        return asyncio.get_running_loop().time() - self._began_s

    async def node(self) -> Node:
        """Start one more node."""
        clock, link = NodeClock(), NotedLink(self.store, self._began_s)
        leases, mailbox = OwnLeases(self.leases), OwnMailbox(self.broker)
        ports = ChatPorts(
            repository=link,
            routes=self.routes,
            leases=leases,
            mailbox=mailbox,
            user_sockets=self.user_sockets,
            objects=NoObjects(),
            clock=clock,
        )
        app = ChatApp(NodeId(f"node-{len(self.nodes)}"), ports, [b"k" * 32], self._settings, CollectorRegistry())
        await app.start()
        node = Node(app, clock, link, leases, mailbox)
        self.nodes.append(node)
        return node

    async def connect(self, node: Node, user: UserId, *, after: int | None = None, channel: int = 77, ttl_s: int = 10**6) -> Line:
        """A socket that has had a moment to join."""
        line = Line(self._began_s)
        now_s = node.clock.wall_ms() // 1000
        claims = Claims(user, ChannelId(channel), now_s, now_s + ttl_s)
        entrance = Entrance(
            claims, replace(self.store.channel, id=ChannelId(channel)), None if after is None else MessageId(after)
        )
        task = asyncio.create_task(node.app.reception.serve(entrance, line, line))
        self._served.add(task)
        await asyncio.sleep(0.1)
        return line

    async def until(self, at_s: float) -> None:
        """Let time pass."""
        await asyncio.sleep(max(0.0, at_s - self.now_s))

    async def clear(self) -> None:
        for task in self._served:
            task.cancel()
        results = await asyncio.gather(*self._served, return_exceptions=True)
        for node in self.nodes:
            await node.app.stop()
        failures = [result for result in results if isinstance(result, Exception)]
        assert not failures, failures


def play(scene: Callable[[Stage], Coroutine[Any, Any, None]], settings: Settings | None = None) -> None:
    """Play a scene on simulated time."""

    async def perform() -> None:
        stage = Stage(settings or Settings())
        try:
            await scene(stage)
        finally:
            await stage.clear()

    simulate(perform())
