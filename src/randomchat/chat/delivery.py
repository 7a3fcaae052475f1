"""A message's way: stored, then delivered and acknowledged here, then posted to the other nodes of its channel."""

from __future__ import annotations

from randomchat.chat.attachments import Attachment, Attachments, read_attachment
from randomchat.chat.domain import Event, Message
from randomchat.chat.frames import ClientFrame, Malformed
from randomchat.chat.hub import LiveChannel
from randomchat.chat.metrics import ChatMetrics
from randomchat.chat.pace import Pace
from randomchat.chat.posts import Outbox, Stored
from randomchat.chat.repository import ChatRepository
from randomchat.chat.socket import ChatSocket
from randomchat.chat.sweep import Sweep
from randomchat.clock import Clock
from randomchat.config import ChatSettings
from randomchat.errors import Conflict, RandomchatError, Unavailable
from randomchat.ids import MessageIds, time_ms_of
from randomchat.infra.clock_watch import ClockWatch

FRESH_MS = 10_000
"""Nothing is delivered or acknowledged later than this after the time in its id: the sweep's margin rests on it."""


class Delivery:
    """Takes messages from sockets and from other nodes."""

    def __init__(
        self,
        repository: ChatRepository,
        attachments: Attachments,
        outbox: Outbox,
        clock: Clock,
        watch: ClockWatch,
        sweep: Sweep,
        settings: ChatSettings,
        metrics: ChatMetrics,
    ) -> None:
        self._repository = repository
        self._attachments = attachments
        self._outbox = outbox
        self._clock = clock
        self._watch = watch
        self._sweep = sweep
        self._settings = settings
        self._metrics = metrics
        self._ids = MessageIds()

    # ---------------------------------------------------------------- from a socket
    async def take(self, socket: ChatSocket, frame: ClientFrame, pace: Pace) -> None:
        """Store, deliver and acknowledge a text or a file, or answer with an error.

        The messages of a socket must be given one after the other. Raises `Malformed` for one that can never be taken.
        """
        attachment: Attachment | None = None
        if frame.event == Event.FILE:
            attachment = read_attachment(frame.payload)
        elif not 0 < len(frame.payload.encode()) <= self._settings.message.max_bytes:
            raise Malformed(f"A message must have 1 to {self._settings.message.max_bytes} bytes.")
        try:
            self._admit(socket, frame, pace)
            found = None if pace.untried.pop(frame) else await self._find(socket, frame, pace)
            message = found or await self._store(socket, frame, attachment)
        except RandomchatError as refusal:
            self._metrics.refused.labels(refusal.code).inc()
            await pace.admit_sign()  # else whoever minds no refusal keeps the process busy with nothing else
            socket.refuse(frame, refusal, self._clock.wall_ms())
        else:
            self._deliver(socket, message)

    def _admit(self, socket: ChatSocket, frame: ClientFrame, pace: Pace) -> None:
        try:
            socket.check_turn(frame)
            pace.admit_message()
        except RandomchatError:
            pace.untried.note(frame)
            raise

    async def _find(self, socket: ChatSocket, frame: ClientFrame, pace: Pace) -> Message | None:
        """What a resent frame was stored as; None where it was not, or so long ago that it must be stored again.

        Peers may have missed an old row: it is delivered under a new id, and whoever has both shows one.
        """
        if frame.retry is not True or frame.name is None:
            return None
        await pace.admit_lookup()
        live = socket.channel
        found = await self._repository.find_message(live.id, socket.user_id, frame.name)
        if found is None:
            return None
        live.learn(found.id)
        return found if self._is_fresh(found) else None

    async def _store(self, socket: ChatSocket, frame: ClientFrame, attachment: Attachment | None) -> Message:
        live = socket.channel
        if live.count >= self._settings.max_messages:
            raise RandomchatError(code="channel_full")
        if attachment is not None:
            await self._attachments.fix(live.id, attachment)
        began_s = self._clock.boot_s()
        message = await self._insert(live, socket, frame)
        live.count += 1
        late = self._clock.boot_s() - began_s > FRESH_MS / 1000 or not self._is_fresh(message)
        if late or not self._watch.trustworthy():
            raise RandomchatError(code="too_late")
        return message

    async def _insert(self, live: LiveChannel, socket: ChatSocket, frame: ClientFrame) -> Message:
        for _ in range(3):
            message_id = self._ids.next(side=socket.side, now_ms=self._clock.wall_ms(), floor=live.floor)
            live.learn(message_id)
            message = Message(message_id, socket.user_id, frame.event, frame.payload, frame.name)
            live.pending.add(message_id)
            try:
                await self._repository.insert_message(live.id, message)
            except Conflict:
                continue
            finally:
                live.pending.discard(message_id)
            self._metrics.stored.inc()
            return message
        raise Unavailable

    # ---------------------------------------------------------------- to everyone
    def _deliver(self, asker: ChatSocket, message: Message) -> None:
        live = asker.channel
        self._hand(live, message, asker)
        if live.peers:
            self._outbox.post_all(live.peers.keys(), Stored(live.id, message))

    def on_stored(self, live: LiveChannel, message: Message) -> None:
        """Another node has stored a message. One that comes too late is left to the sweep."""
        if self._is_fresh(message) and self._watch.trustworthy():
            self._hand(live, message, None)

    def _hand(self, live: LiveChannel, message: Message, asker: ChatSocket | None) -> None:
        if live.traffic_at is None:
            self._sweep.stir(live)
        live.traffic_at = self._clock.boot_s()
        handed = live.hand(message, asker)
        if handed:
            self._metrics.delivered.inc(handed)

    def _is_fresh(self, message: Message) -> bool:
        return self._clock.wall_ms() - time_ms_of(message.id) <= FRESH_MS
