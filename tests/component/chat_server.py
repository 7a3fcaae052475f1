"""Chat nodes on real ports that share what nodes share, the two members of a channel, and their tabs."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from prometheus_client import CollectorRegistry
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from randomchat.chat.app import ChatApp, ChatPorts
from randomchat.chat.domain import Channel, Event, Excerpt, Message, Summary
from randomchat.chat.repository_sqlite import SqliteChatRepository
from randomchat.chat.routes_memory import MemoryRoutes
from randomchat.chat.schema_sqlite import CHAT_SCHEMA
from randomchat.chat.user_sockets_memory import MemoryUserSockets
from randomchat.clock import SystemClock
from randomchat.config import Settings
from randomchat.errors import Unavailable
from randomchat.ids import ChannelId, MessageId, NodeId, TicketId, UserId, first_id_at, random_id
from randomchat.infra.mailbox_memory import MemoryBroker, MemoryMailbox
from randomchat.infra.node_memory import MemoryNodeLeases
from randomchat.infra.object_store import Examine, ObjectKey, StoredObject
from randomchat.infra.object_store_local import LocalObjectStore
from randomchat.infra.sqlite import SqliteDatabase
from randomchat.interfaces.chat import Seat
from tests.component.edge_server import edge
from tests.http_client import Answer, send

PATIENCE_S = 5.0
KEYS = [b"k" * 32]
Frame = dict[str, Any]


class ShiftedClock(SystemClock):
    """The clocks of a machine whose wall clock is wrong by `shift_ms`."""

    shift_ms = 0

    def wall_ms(self) -> int:
        return super().wall_ms() + self.shift_ms


class Store(SqliteChatRepository):
    """The real store, whose engine can be away for some calls or hold them up; it counts them.

    `away`: calls that fail. `gates`: calls that wait for an event. `mute`: messages are stored, and the answer is lost.
    """

    def __init__(self, database: SqliteDatabase) -> None:
        super().__init__(database, SystemClock())
        self.away: set[str] = set()
        self.gates: dict[str, asyncio.Event] = {}
        self.calls: Counter[str] = Counter()
        self.mute = False

    async def _enter(self, call: str) -> None:
        self.calls[call] += 1
        if call in self.away:
            raise Unavailable
        if gate := self.gates.get(call):
            await gate.wait()

    async def insert_message(self, channel_id: ChannelId, message: Message) -> None:
        await self._enter("insert_message")
        await super().insert_message(channel_id, message)
        if self.mute:
            raise Unavailable

    async def find_message(self, channel_id: ChannelId, sender: UserId, client_id: str) -> Message | None:
        await self._enter("find_message")
        return await super().find_message(channel_id, sender, client_id)

    async def get_channel(self, channel_id: ChannelId) -> Channel:
        await self._enter("get_channel")
        return await super().get_channel(channel_id)

    async def get_summary(self, channel_id: ChannelId) -> Summary:
        await self._enter("get_summary")
        return await super().get_summary(channel_id)

    async def read_after(self, channel_id: ChannelId, after: MessageId, limit: int | None = None) -> Excerpt:
        await self._enter("read_after")
        return await super().read_after(channel_id, after, limit)

    async def list_messages(self, channel_id: ChannelId, before: MessageId | None, limit: int) -> list[Message]:
        await self._enter("list_messages")
        return await super().list_messages(channel_id, before, limit)

    async def advance_seen(self, channel_id: ChannelId, user_id: UserId, message_id: MessageId) -> None:
        await self._enter("advance_seen")
        await super().advance_seen(channel_id, user_id, message_id)

    async def close_channel(self, channel_id: ChannelId, closed_by: UserId, now_ms: int) -> Channel:
        await self._enter("close_channel")
        return await super().close_channel(channel_id, closed_by, now_ms)


class FlakyRoutes(MemoryRoutes):
    """Routes that can be away."""

    away = False

    async def put(self, channel_id: ChannelId, node: NodeId, users: frozenset[UserId]) -> None:
        self._answer()
        await super().put(channel_id, node, users)

    async def get(self, channel_id: ChannelId) -> Mapping[NodeId, frozenset[UserId]]:
        self._answer()
        return await super().get(channel_id)

    def _answer(self) -> None:
        if self.away:
            raise Unavailable


class FlakyObjects(LocalObjectStore):
    """Files that can be away."""

    away = False

    async def promote(self, key: ObjectKey, examine: Examine) -> StoredObject:
        if self.away:
            raise Unavailable
        return await super().promote(key, examine)


@dataclass(frozen=True)
class Person:
    """A member, or anybody else who holds a token."""

    id: str
    token: str


@dataclass
class ServedNode:
    """A chat node and where it listens."""

    app: ChatApp
    port: int
    clock: ShiftedClock


class Tab:
    """One socket of a person. Whatever it waits for must come within `PATIENCE_S`."""

    def __init__(self, person: Person, socket: ClientConnection) -> None:
        self.person, self.socket = person, socket
        self._beats = 0

    async def send(self, event: int, payload: Any = "", **keys: Any) -> None:
        await self.send_text(json.dumps({"event": event, "payload": payload, **keys}))

    async def send_text(self, text: str | bytes) -> None:
        await self.socket.send(text)

    async def read(self) -> Frame:
        """The very next frame."""
        async with asyncio.timeout(PATIENCE_S):
            frame = json.loads(await self.socket.recv())
        assert isinstance(frame, dict)
        return frame

    async def next_frame(self, event: int, payload: str | None = None, **keys: Any) -> Frame:
        """The next frame of this kind; others are skipped."""
        wanted = {"event": event, **keys} | ({} if payload is None else {"payload": payload})
        async with asyncio.timeout(PATIENCE_S):
            while True:
                frame = await self.read()
                if wanted.items() <= frame.items():
                    return frame

    async def read_all(self) -> list[Frame]:
        """The frames that the server has sent until it answers a beat of now."""
        self._beats += 1
        await self.send(Event.BEAT, f"fence {self._beats}")
        frames: list[Frame] = []
        while True:
            frame = await self.read()
            if (frame["event"], frame["payload"]) == (Event.BEAT, f"fence {self._beats}"):
                return frames
            frames.append(frame)

    async def say(self, text: str, client_id: str, **keys: Any) -> Frame:
        """Send a message and wait for its acknowledgement."""
        await self.send(Event.TEXT, text, client_id=client_id, **keys)
        return await self.next_frame(Event.TEXT, client_id=client_id, ack=True)

    async def error(self, **keys: Any) -> Frame:
        """The payload of the next error frame."""
        frame = await self.next_frame(Event.ERROR, **keys)
        payload = json.loads(frame["payload"])
        assert payload.keys() == {"code", "msg", "retryable", "retry_after_ms"}
        return payload  # type: ignore[no-any-return]

    async def sync(self) -> tuple[list[Frame], Frame]:
        """What a replay brings, and the payload of the frame that ends it."""
        replayed = []
        while (frame := await self.read())["event"] != Event.SYNC:
            replayed.append(frame)
        return replayed, json.loads(frame["payload"])

    async def closed(self) -> int | None:
        """With which code the server ends the socket; what comes before is skipped."""
        async with asyncio.timeout(PATIENCE_S):
            with contextlib.suppress(ConnectionClosed):
                while True:
                    await self.socket.recv()
        return self.socket.close_code

    async def leave(self, code: int = 1000) -> None:
        """Close in good order."""
        await self.socket.close(code)

    def cut(self) -> None:
        """Break the connection without a word."""
        self.socket.transport.abort()


class ChatSite:
    """One or more nodes, and a channel of Anna and Ben."""

    def __init__(self, store: Store, objects: FlakyObjects, settings: Settings) -> None:
        self.store, self.objects, self.settings = store, objects, settings
        self.broker = MemoryBroker()
        self.routes, self.leases = FlakyRoutes(SystemClock()), MemoryNodeLeases(SystemClock())
        self.user_sockets = MemoryUserSockets()
        self.registry = CollectorRegistry()
        self.nodes: list[ServedNode] = []
        self.tabs: list[Tab] = []
        self.channel_id = ChannelId(0)
        self.anna = self.ben = Person("", "")

    # ---------------------------------------------------------------- nodes
    @contextlib.asynccontextmanager
    async def serve_node(self) -> AsyncIterator[ServedNode]:
        """One more node."""
        clock = ShiftedClock()
        mailbox = MemoryMailbox(self.broker)
        ports = ChatPorts(self.store, self.routes, self.leases, mailbox, self.user_sockets, self.objects, clock)
        registry = self.registry if not self.nodes else CollectorRegistry()
        app = ChatApp(NodeId(f"node-{len(self.nodes)}"), ports, KEYS, self.settings, registry)
        await app.start()
        served = edge(app, chat=self.settings.chat, limits=self.settings.limits)
        async with served as (port, _):
            node = ServedNode(app, port, clock)
            self.nodes.append(node)
            yield node
            for tab in self.tabs:
                tab.cut()
            await app.stop()

    # ---------------------------------------------------------------- channels
    async def make_channel(self) -> tuple[ChannelId, Person, Person]:
        """A channel of two people that nobody else is in."""
        service, now_ms = self.nodes[0].app.service, SystemClock().wall_ms()
        first, second = (Seat(UserId(random_id(now_ms)), TicketId(random_id(now_ms))) for _ in range(2))
        channel_id = await service.create_channel(first, second, not_after_ms=now_ms + 5000)
        people = [Person(str(seat.user_id), await service.issue_token(channel_id, seat.user_id)) for seat in (first, second)]
        return channel_id, people[0], people[1]

    async def fresh_token(self, person: Person) -> Person:
        return Person(person.id, await self.nodes[0].app.service.issue_token(self.channel_id, UserId(int(person.id))))

    async def store_messages(self, count: int, *, ago_ms: int = 0, client_id: str = "") -> list[MessageId]:
        """Messages of Anna's that no node has delivered."""
        first = first_id_at(SystemClock().wall_ms() - ago_ms)
        ids = [MessageId(first + number) for number in range(count)]
        author = UserId(int(self.anna.id))
        messages = [Message(one, author, Event.TEXT, "stored", client_id or f"stored-{one}") for one in ids]
        await asyncio.gather(*(SqliteChatRepository.insert_message(self.store, self.channel_id, m) for m in messages))
        return ids

    # ---------------------------------------------------------------- sockets
    async def connect(
        self,
        person: Person,
        *,
        node: int = 0,
        query: Mapping[str, str] | None = None,
        protocols: list[str] | None = None,
        origin: str | None = None,
        **more: str,
    ) -> Tab:
        """An upgrade with `uid` and `access_token`, or with another query; `more` is added to it."""
        query = {"uid": person.id, "access_token": person.token} if query is None else query
        async with asyncio.timeout(PATIENCE_S):
            socket = await connect(
                f"ws://localhost:{self.nodes[node].port}/api/chat?{urlencode({**query, **more})}",
                subprotocols=[Subprotocol(name) for name in protocols] if protocols else None,
                additional_headers={"Origin": origin} if origin else {},
                compression=None,
                proxy=None,
            )
        tab = Tab(person, socket)
        self.tabs.append(tab)
        return tab

    async def enter(self, person: Person, **more: Any) -> Tab:
        """A socket that has been told what it has come to: its own `waiting` or `joined`."""
        tab = await self.connect(person, **more)
        while (frame := await tab.read())["event"] != Event.ACTION or frame["user_id"] != person.id:
            pass
        return tab

    async def refusal(self, person: Person, **more: Any) -> tuple[int, str]:
        """Status and code with which an upgrade is refused; the body must be that of an error."""
        try:
            await self.connect(person, **more)
        except InvalidStatus as refused:
            body = json.loads(refused.response.body)
            assert body.keys() == {"msg", "code", "retryable"}
            return refused.response.status_code, body["code"]
        raise AssertionError("the upgrade was not refused")

    # ---------------------------------------------------------------- REST
    async def ask(
        self, method: str, path: str, token: str | None, *, node: int = 0, headers: Mapping[str, str] | None = None
    ) -> Answer:
        all_headers = dict(headers or {}) | ({"Authorization": f"Bearer {token}"} if token is not None else {})
        address = f"http://127.0.0.1:{self.nodes[node].port}"
        return await send(address, method, path, list(all_headers.items()))

    async def get(self, path: str, person: Person, **more: Any) -> Any:
        answer = await self.ask("GET", path, person.token, **more)
        assert answer.status == 200, answer.body
        return answer.json()

    async def history(self, person: Person | None = None) -> list[Frame]:
        """All messages, newest first."""
        page = await self.get("/api/chat/channel/messages", person or self.anna)
        return list(page["messages"])

    async def online(self, person: Person | None = None, node: int = 0) -> list[str]:
        return list((await self.get("/api/chat/users/online", person or self.anna, node=node))["user_ids"])


@contextlib.asynccontextmanager
async def chat_site(folder: Path, nodes: int = 1, **settings: Any) -> AsyncIterator[ChatSite]:
    """A site on a database of its own; `settings` are those of a process."""
    database = await SqliteDatabase.open(folder / "randomchat.db", [CHAT_SCHEMA])
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(database.close)
        objects = FlakyObjects(folder / "files", SystemClock(), keep_free_bytes=0)
        stack.push_async_callback(objects.close)
        site = ChatSite(Store(database), objects, Settings(**settings))
        for _ in range(nodes):
            await stack.enter_async_context(site.serve_node())
        site.channel_id, site.anna, site.ben = await site.make_channel()
        yield site


def code_of(answer: Answer) -> tuple[int, str]:
    """Status and code of a refusal; its body must be that of an error."""
    body = answer.json()
    assert body.keys() == {"msg", "code", "retryable"}, body
    return answer.status, body["code"]


def texts(frames: list[Frame]) -> list[str]:
    return [frame["payload"] for frame in frames if frame["event"] == Event.TEXT]


def ids(frames: list[Frame]) -> list[int]:
    return [int(frame["message_id"]) for frame in frames if frame["event"] == Event.TEXT]


async def sweep(site: ChatSite) -> None:
    """Let the node read the channel again now."""
    node = site.nodes[0].app.node
    await node._sweep.sweep(node._hub.channels[site.channel_id])
