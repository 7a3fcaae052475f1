"""What a client's frame leads to."""

from __future__ import annotations

from collections import deque

from msgspec import UNSET

from randomchat.chat import frames
from randomchat.chat.delivery import Delivery
from randomchat.chat.domain import Event
from randomchat.chat.frames import BEAT_MAX_BYTES, ClientFrame, Malformed
from randomchat.chat.pace import Pace
from randomchat.chat.seen import SeenMarks
from randomchat.chat.socket import ChatSocket
from randomchat.chat.typing_signs import TypingSigns
from randomchat.clock import Clock
from randomchat.config import Settings
from randomchat.errors import Close
from randomchat.infra.clock_watch import ClockWatch

_STORED = frozenset({Event.TEXT, Event.FILE})
MALFORMED_LIMIT, MALFORMED_WINDOW_S = 20, 10.0


class Conduct:
    """How one socket behaves: what it may still ask for, and when it last sent nonsense."""

    __slots__ = ("malformed_at", "pace")

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.pace = Pace(settings.chat, clock, limited=settings.limits.enabled)
        self.malformed_at: deque[float] | None = None

    def note_malformed(self, now_s: float) -> bool:
        """Count a malformed frame; True where there were too many of late."""
        if self.malformed_at is None:
            self.malformed_at = deque(maxlen=MALFORMED_LIMIT)
        self.malformed_at.append(now_s)
        return len(self.malformed_at) == MALFORMED_LIMIT and now_s - self.malformed_at[0] <= MALFORMED_WINDOW_S


class FrameHandler:
    """Handles the frames of all sockets of a node; those of one socket must come one after the other."""

    def __init__(
        self,
        delivery: Delivery,
        seen: SeenMarks,
        typing: TypingSigns,
        watch: ClockWatch,
        clock: Clock,
    ) -> None:
        self._delivery = delivery
        self._seen = seen
        self._typing = typing
        self._watch = watch
        self._clock = clock

    async def handle(self, socket: ChatSocket, conduct: Conduct, text: str | bytes) -> None:
        """Do what a frame asks for, or answer with an error."""
        if not self._watch.trustworthy():
            return
        frame: ClientFrame | None = None
        try:
            frame = frames.decode(text)
            await self._dispatch(socket, conduct, frame)
        except Malformed as refusal:
            refused = frame or ClientFrame(-1, "", frames.client_id_in(text) or UNSET)
            socket.refuse(refused, refusal, self._clock.wall_ms())
            if conduct.note_malformed(self._clock.boot_s()):
                socket.close(Close.MISBEHAVING, "too many malformed frames")

    async def _dispatch(self, socket: ChatSocket, conduct: Conduct, frame: ClientFrame) -> None:
        if frame.event in _STORED:
            await self._delivery.take(socket, frame, conduct.pace)
            return
        await conduct.pace.admit_sign()
        match frame.event:
            case Event.ACTION:
                self._act(socket, frame)
            case Event.SEEN:
                await self._seen.take(socket, frame)
            case Event.BEAT:
                self._beat(socket, frame)
            case _:
                raise Malformed(f"The frame's event {frame.event} is unknown.")

    def _act(self, socket: ChatSocket, frame: ClientFrame) -> None:
        match frame.payload:
            case "istyping":
                self._typing.start(socket)
            case "endtyping":
                self._typing.stop(socket.channel, socket.side)
            case _:
                raise Malformed("The payload of an action must be istyping or endtyping.")

    def _beat(self, socket: ChatSocket, frame: ClientFrame) -> None:
        if len(frame.payload.encode()) > BEAT_MAX_BYTES:
            raise Malformed(f"The payload of a beat must have at most {BEAT_MAX_BYTES} bytes.")
        socket.send(frames.beat(socket.user_id, frame.payload, self._clock.wall_ms()))
