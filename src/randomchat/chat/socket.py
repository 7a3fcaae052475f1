"""One live socket of a member: what it is handed, in which order, and when it has had enough."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from randomchat.chat import frames
from randomchat.chat.connection import Connection
from randomchat.chat.domain import Message
from randomchat.chat.frames import ClientFrame
from randomchat.chat.once import Once
from randomchat.errors import Close, RandomchatError
from randomchat.ids import UserId

if TYPE_CHECKING:
    from randomchat.chat.hub import LiveChannel

SHED_BYTES = 64 * 1024
"""Typing is not sent to a socket with more than this queued."""


class ChatSocket:
    """The hub's view of a connection. All methods return at once; nothing here waits for a slow reader."""

    __slots__ = (
        "_connection",
        "_held",
        "_held_bytes",
        "_held_ids",
        "_max_bytes",
        "_on_closed",
        "busy",
        "channel",
        "close_code",
        "expected",
        "issued_at_s",
        "number",
        "once",
        "replaying",
        "side",
        "user_id",
        "waits_for",
    )  # fmt: skip

    def __init__(  # noqa: D417 - the rest is said by the types
        self,
        number: int,
        channel: LiveChannel,
        user_id: UserId,
        connection: Connection,
        *,
        issued_at_s: int,
        max_bytes: int,
        on_closed: Callable[[ChatSocket], None],
    ) -> None:
        """A socket whose replay is not out yet: live messages are held.

        Args:
            number: unique on this node.
            issued_at_s: when the channel token was issued, Unix seconds.
            max_bytes: how much may be queued.
            on_closed: called once, when the server has decided to end this socket.
        """
        self.number = number
        self.channel = channel
        self.user_id = user_id
        self.side = channel.side_of(user_id)
        self.issued_at_s = issued_at_s
        self.once = Once()
        self.replaying = True
        self.busy = False
        self.close_code: int | None = None
        self.waits_for: str | None = None
        """The `client_id` that was refused and must come again before any other message."""
        self._connection = connection
        self._max_bytes = max_bytes
        self._on_closed = on_closed
        self._held: list[tuple[Message | None, bytes]] = []
        self._held_bytes = 0
        self._held_ids: set[int] = set()
        self.expected: frozenset[int] = frozenset()
        """What the replay is going to bring: a sweep meanwhile need not hold it a second time."""

    @property
    def open(self) -> bool:
        return self.close_code is None

    # ---------------------------------------------------------------- to the client
    def send(self, data: bytes) -> None:
        """Send a frame now, whatever is held."""
        if self.close_code is not None:
            return
        if self._connection.queued_bytes + len(data) > self._max_bytes:
            self.close(Close.SLOW, "too slow to read")
            return
        self._connection.send_text(data)

    def hand(self, message: Message, data: bytes) -> bool:
        """Give a stored message to the client, unless it has it; whether that was new to this socket."""
        if self.replaying:
            if message.id not in self.expected and not self.holds(message.id):
                self._hold(message, data)
            return False
        if not self.once.add(message):
            return False
        self.send(data)
        return True

    def tell(self, data: bytes) -> None:
        """Give a frame that is not stored, behind what is held."""
        if self.replaying:
            self._hold(None, data)
        else:
            self.send(data)

    def hint(self, data: bytes) -> None:
        """Give a frame that may be missed: a sign of typing."""
        if not self.replaying and self._connection.queued_bytes <= SHED_BYTES:
            self.send(data)

    def acknowledge(self, message: Message, data: bytes) -> None:
        """Answer the frame that asked for a message to be stored."""
        self.once.add(message)
        if self.waits_for == message.client_id:
            self.waits_for = None
        self.send(data)

    def check_turn(self, frame: ClientFrame) -> None:
        """Raise `resend_first` where another message must come again before this one."""
        if self.waits_for is not None and self.waits_for != frame.name:
            raise RandomchatError(code="resend_first")

    def refuse(self, frame: ClientFrame, refusal: RandomchatError, now_ms: int) -> None:
        """Answer a message with an error. After a retryable one, nothing is taken before that message has come again."""
        name = frame.name
        if name is not None and refusal.code != "resend_first":
            if refusal.retryable and self.waits_for is None:
                self.waits_for = name
            elif not refusal.retryable and self.waits_for == name:
                self.waits_for = None
        self.send(frames.error(self.user_id, name, refusal, now_ms))

    # ---------------------------------------------------------------- replay
    def _hold(self, message: Message | None, data: bytes) -> None:
        self._held_bytes += len(data)
        if self._held_bytes > self._max_bytes:
            self.close(Close.SLOW, "too slow to read")
        elif self.open:
            self._held.append((message, data))
            if message is not None:
                self._held_ids.add(message.id)

    def holds(self, message_id: int) -> bool:
        """Whether a message is held."""
        return message_id in self._held_ids

    def release(self, *, resumed: bool) -> None:
        """The replay is out: hand what was held meanwhile, and hold nothing any more.

        `resumed`: the client was just told how things stand, so that held signs would only take it back.
        """
        self.replaying = False
        held, self._held, self._held_bytes = self._held, [], 0
        self._held_ids, self.expected = set(), frozenset()
        for message, data in held:
            if message is not None:
                self.hand(message, data)
            elif not resumed:
                self.send(data)

    async def drained(self) -> None:
        """Wait until the client has read most of what was sent."""
        await self._connection.drained()

    @property
    def queued_bytes(self) -> int:
        return self._connection.queued_bytes

    # ---------------------------------------------------------------- the end
    def close(self, code: int, reason: str = "") -> None:
        """End the socket behind what is queued. From now on nothing is sent."""
        if self.close_code is None:
            self.close_code = code
            self._held.clear()
            self._connection.close(code, reason)
            self._on_closed(self)

    def abort(self) -> None:
        """Cut it."""
        self._connection.abort()
