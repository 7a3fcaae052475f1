"""Who is typing: never stored, never repeated, and always ended."""

from __future__ import annotations

from collections.abc import Callable

from randomchat.chat import frames
from randomchat.chat.hub import LiveChannel
from randomchat.chat.posts import Outbox, Typing
from randomchat.chat.socket import ChatSocket
from randomchat.clock import Clock
from randomchat.ids import NodeId

REMOTE_EXTRA_S = 2.0
"""How much longer another node's typist is believed, should the end be lost."""
REPEAT_S = 1.0
"""How often at most the other nodes are told of one who goes on typing; less than they believe it longer."""


class TypingSigns:
    """Relays signs of typing. A member's typing is a timer of the live channel while it lasts."""

    def __init__(self, outbox: Outbox, clock: Clock, ends_after_s: float) -> None:
        self._outbox = outbox
        self._clock = clock
        self._ends_after_s = ends_after_s

    def start(self, socket: ChatSocket) -> None:
        """A client says that its member types; told only if that is new, and kept alive for `ends_after_s`."""
        live, side, now_s = socket.channel, socket.side, self._clock.boot_s()
        fresh = self._start(live, side, self._ends_after_s, lambda: self.stop(live, side))
        if fresh or now_s - live.typing_posted_s[side] >= REPEAT_S:
            live.typing_posted_s[side] = now_s
            self._post(live, side, on=True)

    def stop(self, live: LiveChannel, side: int) -> None:
        """A member whose socket is here types no more; nothing happens to one who did not."""
        if self._stop(live, side):
            self._post(live, side, on=False)

    def on_typing(self, live: LiveChannel, node: NodeId, post: Typing) -> None:
        """Another node says so of a member."""
        peer = live.peers.get(node)
        if peer is None or post.seq <= peer.typing_seq:
            return
        peer.typing_seq = post.seq
        side = live.side_of(post.user)
        if post.on:
            self._start(live, side, self._ends_after_s + REMOTE_EXTRA_S, lambda: self.forget(live, side))
        else:
            self.forget(live, side)

    def forget(self, live: LiveChannel, side: int) -> None:
        """A member of another node types no more."""
        self._stop(live, side)

    def _start(self, live: LiveChannel, side: int, ends_after_s: float, end: Callable[[], None]) -> bool:
        fresh = not live.cancel_timer("typing", side)
        live.set_timer("typing", side, ends_after_s, end)
        if fresh:
            live.hint(frames.action(live.users[side], "istyping", self._clock.wall_ms()))
        return fresh

    def _stop(self, live: LiveChannel, side: int) -> bool:
        typed = live.cancel_timer("typing", side)
        if typed:
            live.tell(frames.action(live.users[side], "endtyping", self._clock.wall_ms()))
        return typed

    def _post(self, live: LiveChannel, side: int, *, on: bool) -> None:
        self._outbox.post_all(live.peers.keys(), Typing(live.id, self._outbox.next_seq(), live.users[side], on))
