"""Who is there: joining, leaving, and the grace in between, told to the sockets of this node."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping

from randomchat.chat import frames
from randomchat.chat.hub import LiveChannel, Peer
from randomchat.chat.posts import Outbox, Present
from randomchat.chat.routes import Routes
from randomchat.chat.socket import ChatSocket
from randomchat.chat.typing_signs import TypingSigns
from randomchat.clock import Clock
from randomchat.config import PresenceSettings
from randomchat.errors import Unavailable
from randomchat.ids import ChannelId, NodeId, UserId
from randomchat.infra.node import NodeLeases

ONLINE, RECONNECTING, LEAVING, OFFLINE = "online", "reconnecting", "leaving", "offline"
"""What the node thinks of a member. `LEAVING`: said goodbye, and may be back before anyone is told."""
GOODBYE = frozenset({1000, 1001, 1005})
"""How a client ends a socket on purpose; browsers send 1005 (no code) for a plain `close()`."""


class Presence:
    """Keeps, for the channels of this node, who is there.

    The grace of a member who went runs on the nodes that hold the *other* member's sockets, since the member's own node may be
    the one that died. A member is there while any node has a socket of theirs; further sockets come and go silently.
    """

    def __init__(
        self,
        routes: Routes,
        leases: NodeLeases,
        outbox: Outbox,
        typing: TypingSigns,
        clock: Clock,
        settings: PresenceSettings,
    ) -> None:
        self._routes = routes
        self._leases = leases
        self._outbox = outbox
        self._typing = typing
        self._clock = clock
        self._settings = settings

    # ---------------------------------------------------------------- this node's sockets
    async def join(self, socket: ChatSocket) -> None:
        """A socket was added to its channel here: learn who else is there, and let everyone know."""
        live, side = socket.channel, socket.side
        first_here = sum(1 for _ in live.sockets_of(side)) == 1
        await self.refresh(live)
        if first_here and socket in live.sockets:
            self._post_news(live, live.peers.keys(), reply=True)
            self._appear(live, side, but=socket)

    def greet(self, socket: ChatSocket, *, resumed: bool) -> None:
        """Tell a socket that is new here what it has come to; `resumed`: also in which state the other member is."""
        live, other = socket.channel, 1 - socket.side
        together = live.is_online(other)
        socket.send(self._action(live, socket.side, "joined" if together else "waiting"))
        if resumed:
            away = "reconnecting" if live.presence[other] == RECONNECTING else "offline"
            socket.send(self._action(live, other, "joined" if together else away))

    async def leave(self, socket: ChatSocket, *, clean: bool) -> None:
        """A socket was taken out of its channel here."""
        live, side = socket.channel, socket.side
        if any(live.sockets_of(side)):
            return
        self._typing.stop(live, side)
        with contextlib.suppress(Unavailable):
            await self._publish(live)
        if not any(live.sockets_of(side)):
            self._post_news(live, live.peers.keys(), clean=clean)
            self._vanish(live, side, clean=clean)

    # ---------------------------------------------------------------- routes
    async def refresh(self, live: LiveChannel) -> bool:
        """Put this node's route again, and learn the others'; False where the routes do not answer."""
        news = live.news
        try:
            await self._publish(live)
            routes = await self._read_routes(live.id)
        except Unavailable:
            return False
        if live.news == news:
            for node in live.peers.keys() - routes.keys():
                self.lose_node(live, node)
            for node, users in routes.items():
                self._set_peer(live, node, users)
        return True

    async def list_online(self, channel_id: ChannelId, live: LiveChannel | None) -> frozenset[UserId]:
        """The members with a live socket on any node; `live`: the channel here, if it is. Raises `Unavailable` if not here."""
        here = live.users_here() if live else frozenset[UserId]()
        try:
            routes = await self._read_routes(channel_id)
        except Unavailable:
            if live is None:
                raise
            return here.union(*(peer.users for peer in live.peers.values()))
        return here.union(*routes.values())

    async def list_nodes(self, channel_id: ChannelId, live: LiveChannel | None) -> Collection[NodeId]:
        """The other nodes that have sockets of a channel, as far as is known."""
        known = set(live.peers) if live else set[NodeId]()
        with contextlib.suppress(Unavailable):
            known |= (await self._read_routes(channel_id)).keys()
        return known

    async def _publish(self, live: LiveChannel) -> None:
        async with live.route_lock:
            await self._routes.put(live.id, self._outbox.node, live.users_here())

    async def _read_routes(self, channel_id: ChannelId) -> Mapping[NodeId, frozenset[UserId]]:
        """The other nodes' routes; those of nodes without a lease are of the dead."""
        routes = await self._routes.get(channel_id)
        others = routes.keys() - {self._outbox.node}
        alive = await self._leases.list_alive() if others else frozenset[NodeId]()
        return {node: routes[node] for node in others & alive}

    # ---------------------------------------------------------------- other nodes' news
    def on_present(self, live: LiveChannel, node: NodeId, post: Present) -> None:
        """Another node says whose sockets it has."""
        peer = live.peers.get(node)
        if peer is not None and post.seq <= peer.seq:
            return
        live.news += 1
        self._set_peer(live, node, frozenset(post.users), clean=post.clean).seq = post.seq
        if post.reply:
            self._post_news(live, (node,))

    def lose_node(self, live: LiveChannel, node: NodeId) -> bool:
        """A node died, or has no socket of the channel any more; whether it was known to have one."""
        if node not in live.peers:
            return False
        self._set_peer(live, node, frozenset())
        del live.peers[node]
        return True

    def _set_peer(self, live: LiveChannel, node: NodeId, users: frozenset[UserId], *, clean: bool = False) -> Peer:
        before = [live.is_online(side) for side in (0, 1)]
        peer = live.peers.setdefault(node, Peer())
        peer.users = users
        for side in (0, 1):
            if live.is_online(side) and not before[side]:
                self._appear(live, side)
            elif before[side] and not live.is_online(side):
                self._typing.forget(live, side)
                self._vanish(live, side, clean=clean)
        return peer

    def _post_news(self, live: LiveChannel, to: Collection[NodeId], *, clean: bool = False, reply: bool = False) -> None:
        if to:
            post = Present(live.id, self._outbox.next_seq(), list(live.users_here()), clean, reply)
            self._outbox.post_all(to, post)

    # ---------------------------------------------------------------- what people are told
    def _appear(self, live: LiveChannel, side: int, but: ChatSocket | None = None) -> None:
        live.cancel_timer("offline", side)
        if live.presence[side] != ONLINE:
            live.presence[side] = ONLINE
            frame = self._action(live, side, "joined")
            for socket in tuple(live.sockets):
                if socket is not but and not socket.replaying:
                    socket.send(frame)

    def _vanish(self, live: LiveChannel, side: int, *, clean: bool) -> None:
        if live.is_online(side) or live.presence[side] != ONLINE:
            return
        live.presence[side] = LEAVING if clean else RECONNECTING
        if not clean:
            live.announce(self._action(live, side, "reconnecting"))
        grace_s = self._settings.clean_grace_s if clean else self._settings.broken_grace_s
        live.set_timer("offline", side, grace_s, lambda: self._end_grace(live, side))

    def _end_grace(self, live: LiveChannel, side: int) -> None:
        live.cancel_timer("offline", side)
        live.presence[side] = OFFLINE
        live.announce(self._action(live, side, "offline"))

    def _action(self, live: LiveChannel, side: int, what: str) -> bytes:
        return frames.action(live.users[side], what, self._clock.wall_ms())
