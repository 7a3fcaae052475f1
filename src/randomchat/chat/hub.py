"""The sockets of this node, by channel. Knows no web framework, no store and no other node."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterable, Iterator
from weakref import WeakValueDictionary

from msgspec import UNSET

from randomchat.chat import frames
from randomchat.chat.connection import Connection
from randomchat.chat.domain import Channel, Message
from randomchat.chat.socket import ChatSocket
from randomchat.ids import ChannelId, MessageId, NodeId, UserId


class Peer:
    """Another node that has sockets of a channel: whose, and the numbers of its last news, so that late ones are known."""

    __slots__ = ("seq", "typing_seq", "users")

    def __init__(self) -> None:
        self.users: frozenset[UserId] = frozenset()
        self.seq = 0
        self.typing_seq = 0


class LiveChannel:
    """A channel with sockets on this node, and what the node knows of it."""

    __slots__ = (
        "__weakref__",
        "count",
        "failing_since",
        "floor",
        "id",
        "look_at",
        "news",
        "peers",
        "pending",
        "presence",
        "route_lock",
        "seen",
        "seen_from",
        "sockets",
        "sweep_at",
        "sweeping",
        "swept_boot_s",
        "swept_wall_ms",
        "timers",
        "traffic_at",
        "tried_boot_s",
        "typing_posted_s",
        "users",
    )

    def __init__(self, channel: Channel, now_wall_ms: int, now_boot_s: float) -> None:
        self.id: ChannelId = channel.id
        self.users: tuple[UserId, UserId] = (channel.members[0].user_id, channel.members[1].user_id)
        self.sockets: list[ChatSocket] = []
        self.peers: dict[NodeId, Peer] = {}
        self.news = 0
        """Counts the news of other nodes' sockets: routes that were read meanwhile are stale."""
        self.route_lock = asyncio.Lock()
        # Messages
        self.floor = 0
        """The largest message id that was read or delivered here."""
        self.count = 0
        self.pending: set[MessageId] = set()
        """Messages that this node is still storing: the sweep leaves them alone."""
        self.seen: list[MessageId] = [MessageId(0), MessageId(0)]
        """By side: up to where this member has seen the other's messages."""
        self.seen_from: list[NodeId | int | None] = [None, None]
        """By side: the node, or the number of the socket here, that said so; None where the store did."""
        # Presence and typing, by side
        self.presence: list[str] = ["offline", "offline"]
        self.timers: dict[tuple[str, int], asyncio.TimerHandle] = {}
        self.typing_posted_s = [now_boot_s, now_boot_s]
        """When the other nodes were last told that a member types."""
        # The sweep
        self.swept_wall_ms: float = now_wall_ms
        self.swept_boot_s = now_boot_s
        self.sweep_at: list[float] = []
        self.traffic_at: float | None = None
        """Of the last message that was not swept up yet."""
        self.failing_since: float | None = None
        self.tried_boot_s = now_boot_s
        self.look_at: float | None = None
        """When the sweep looks next whether it is due."""
        self.sweeping = False

    def side_of(self, user_id: UserId) -> int:
        return self.users.index(user_id)

    def sockets_of(self, side: int) -> Iterator[ChatSocket]:
        return (socket for socket in self.sockets if socket.side == side)

    def users_here(self) -> frozenset[UserId]:
        """The members with a live socket on this node."""
        return frozenset(socket.user_id for socket in self.sockets)

    def is_online(self, side: int) -> bool:
        """Whether a member has a live socket on any node that this one knows of."""
        user_id = self.users[side]
        return any(self.sockets_of(side)) or any(user_id in peer.users for peer in self.peers.values())

    def learn(self, message_id: int) -> None:
        """No id that this node makes here will be smaller."""
        self.floor = max(self.floor, message_id)

    # ---------------------------------------------------------------- to the sockets
    def hand(self, message: Message, asker: ChatSocket | None = None) -> int:
        """Give a stored message to all sockets here, once to each; how many had not got it.

        `asker`: the socket whose frame is answered by it; its copy is the acknowledgement.
        """
        self.learn(message.id)
        frame = frames.stored(message)
        data = frames.encode(frame)
        handed = 0
        for socket in tuple(self.sockets):
            if socket is asker:
                frame.ack = UNSET if message.client_id is None else True
                socket.acknowledge(message, frames.encode(frame))
            else:
                handed += socket.hand(message, data)
        return handed

    def tell(self, data: bytes) -> None:
        """Give a frame that is not stored to all sockets here."""
        for socket in tuple(self.sockets):
            socket.tell(data)

    def announce(self, data: bytes) -> None:
        """Give the news of a member's presence to all sockets that are through with their replay; the others ask after it."""
        for socket in tuple(self.sockets):
            if not socket.replaying:
                socket.send(data)

    def hint(self, data: bytes) -> None:
        """Give a frame that may be missed to all sockets here."""
        for socket in tuple(self.sockets):
            socket.hint(data)

    def close(self, code: int, reason: str) -> None:
        for socket in tuple(self.sockets):
            socket.close(code, reason)

    # ---------------------------------------------------------------- timers
    def set_timer(self, name: str, side: int, delay_s: float, action: Callable[[], None]) -> None:
        """Call `action` later, instead of what was set under that name for that side."""
        self.cancel_timer(name, side)
        self.timers[name, side] = asyncio.get_running_loop().call_later(delay_s, action)

    def cancel_timer(self, name: str, side: int) -> bool:
        """Whether one was set."""
        timer = self.timers.pop((name, side), None)
        if timer is not None:
            timer.cancel()
        return timer is not None

    # ---------------------------------------------------------------- the sweep
    def begin_sweeps_as(self, other: LiveChannel) -> None:
        """Forget all sweeps but those of `other`: with no socket here, there was nobody to sweep for."""
        self.swept_wall_ms, self.swept_boot_s, self.tried_boot_s = other.swept_wall_ms, other.swept_boot_s, other.tried_boot_s
        self.failing_since = self.traffic_at = self.look_at = None
        self.sweep_at = []


class Hub:
    """All live channels and sockets of a node."""

    def __init__(self) -> None:
        self.channels: dict[ChannelId, LiveChannel] = {}
        self.sockets: dict[int, ChatSocket] = {}
        self._remembered: WeakValueDictionary[ChannelId, LiveChannel] = WeakValueDictionary()
        """Also those without sockets, while a goodbye or a grace is under way."""
        self._numbers = itertools.count(1)

    def add(
        self,
        live: LiveChannel,
        user_id: UserId,
        connection: Connection,
        *,
        issued_at_s: int,
        max_bytes: int,
        on_closed: Callable[[ChatSocket], None],
    ) -> ChatSocket:
        """Put a new socket into its channel: from now on live messages reach it, and are held.

        A channel that is just being left is taken up again instead of `live`: else the goodbye would undo the return.
        """
        fresh, live = live, self._remembered.setdefault(live.id, live)
        if not live.sockets:
            live.begin_sweeps_as(fresh)
        socket = ChatSocket(
            next(self._numbers), live, user_id, connection, issued_at_s=issued_at_s, max_bytes=max_bytes, on_closed=on_closed
        )
        self.channels[live.id] = live
        live.sockets.append(socket)
        self.sockets[socket.number] = socket
        return socket

    def remove(self, socket: ChatSocket) -> bool:
        """Take a socket out; False where that was done before. A channel without sockets is forgotten."""
        if self.sockets.pop(socket.number, None) is None:
            return False
        live = socket.channel
        live.sockets.remove(socket)
        if not live.sockets:  # its timers run on: the grace of the other member may not be over when someone comes back
            self.channels.pop(live.id, None)
        return True

    def close_sockets(self, numbers: Iterable[int], code: int, reason: str) -> None:
        """Close some of the node's sockets; those that are gone already are left out."""
        for number in numbers:
            if number in self.sockets:
                self.sockets[number].close(code, reason)

    def close_all(self, code: int, reason: str) -> None:
        """Close every socket of the node."""
        self.close_sockets(tuple(self.sockets), code, reason)
