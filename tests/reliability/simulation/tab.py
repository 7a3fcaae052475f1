"""A tab of a member, as the wire contract wants it: an outbox that survives a reload, a cursor, and a screen."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, Protocol

from tests.reliability.simulation.wire import Wire

SILENCE_S = 25.0
ANSWER_S = 14.0
WINDOW = 8
Key = tuple[str, str]


class Server(Protocol):
    """A node that a tab can connect to."""

    def connect(self, user_id: str, wire: Wire, after: int) -> None: ...


@dataclass
class Pending:
    client_id: str
    payload: str
    sent_before: bool = False
    sent_at: float | None = None


@dataclass
class Screen:
    """What a person sees: one line for each (user_id, client_id), the smallest message_id winning."""

    lines: dict[Key, dict[str, Any]] = field(default_factory=dict)

    def show(self, frame: dict[str, Any]) -> None:
        key = (frame["user_id"], frame["client_id"])
        known = self.lines.get(key)
        if known is None or int(frame["message_id"]) < int(known["message_id"]):
            self.lines[key] = frame

    def ordered(self) -> list[dict[str, Any]]:
        return sorted(self.lines.values(), key=lambda frame: int(frame["message_id"]))


class Tab:
    """Connects, sends, resends, resumes, and notes what it was shown."""

    def __init__(
        self,
        name: str,
        user_id: str,
        random: Random,
        choose: Callable[[], Server | None],
        history: Callable[[], list[dict[str, Any]]],
    ) -> None:
        """`choose`: a node that takes sockets. `history`: what REST answers."""
        self.name, self.user_id = name, user_id
        self._random, self._choose, self._history = random, choose, history
        self.outbox: list[Pending] = []
        self.sent: list[str] = []
        self.acknowledged: dict[str, float] = {}
        self.met: dict[Key, float] = {}
        self.screen = Screen()
        self.twice: list[str] = []
        self.too_soon: list[str] = []
        self.peer_state = ""
        self.on_over: Callable[[], None] = lambda: None
        self._replayed_to = 0
        self.live = False
        self.away = self.gone = False
        self.wire: Wire | None = None
        self._cursor = 0
        self._history_due = False
        self._holding = False
        self._handed: set[str] = set()
        self._heard_at = 0.0
        self._failures = 0
        self._tasks = {asyncio.create_task(self._connect()), asyncio.create_task(self._watch())}

    @property
    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # ---------------------------------------------------------------- connection
    async def _connect(self) -> None:
        while self.wire is None:
            await asyncio.sleep(self._random.uniform(0, min(20.0, 0.5 * 2**self._failures)))
            self._failures = min(self._failures + 1, 6)
            server = self._choose()
            if self.wire is None and server is not None and not self.away and not self.gone:
                self._open(server)

    def _open(self, server: Server) -> None:
        wire = Wire(self._random.choice((0.005, 0.03, 0.15)), self._on_text, lambda _: self._on_close(wire))
        self.wire, self._handed, self._heard_at, self._replayed_to = wire, set(), self._now, 0
        server.connect(self.user_id, wire, self._cursor)

    def disconnect(self) -> None:
        if self.wire is not None:
            wire = self.wire
            wire.leave()
            self._on_close(wire)

    def _on_close(self, wire: Wire) -> None:
        if wire is self.wire:
            self.wire, self.live, self._holding = None, False, False
            for pending in self.outbox:
                pending.sent_at = None
            self._spawn(self._connect())

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(5)
            if self.wire is None:
                continue
            oldest = self.outbox[0].sent_at if self.outbox else None
            if self._now - self._heard_at > SILENCE_S or (oldest is not None and self._now - oldest > ANSWER_S):
                self.disconnect()
            else:
                self.wire.send(json.dumps({"event": 6, "payload": ""}))

    # ---------------------------------------------------------------- frames
    def _on_text(self, data: bytes) -> None:
        frame = json.loads(data)
        self._heard_at = self._now
        match frame["event"]:
            case 0:
                self._on_message(frame)
            case 1 if frame["payload"] == "leaved":
                self.on_over()
            case 1 if frame["user_id"] != self.user_id and frame["payload"] in {"joined", "reconnecting", "offline"}:
                self.peer_state = frame["payload"]
            case 4:
                self._on_sync(json.loads(frame["payload"]))
            case 5:
                self._on_refused(frame["client_id"], json.loads(frame["payload"]))

    def _on_message(self, frame: dict[str, Any]) -> None:
        acknowledges = frame.get("ack") is True
        if frame["message_id"] in self._handed and not acknowledges:
            self.twice.append(frame["client_id"])
        self._handed.add(frame["message_id"])
        self._check_replay(int(frame["message_id"]), frame["client_id"])
        self._show(frame)
        if self.live and not self._history_due:
            self._cursor = max(self._cursor, int(frame["message_id"]))
        if acknowledges and any(pending.client_id == frame["client_id"] for pending in self.outbox):
            self.acknowledged[frame["client_id"]] = self._now
            self.outbox = [pending for pending in self.outbox if pending.client_id != frame["client_id"]]
            self._send_due()

    def _check_replay(self, message_id: int, client_id: str) -> None:
        """Before `sync` everything comes oldest first: a live frame among it would not."""
        if not self.live:
            if message_id < self._replayed_to:
                self.too_soon.append(client_id)
            self._replayed_to = message_id

    def _show(self, frame: dict[str, Any]) -> None:
        self.met.setdefault((frame["user_id"], frame["client_id"]), self._now)
        self.screen.show(frame)

    def _on_sync(self, sync: dict[str, Any]) -> None:
        self.live, self._failures = True, 0
        if sync["recovered"]:
            if not self._history_due:
                self._cursor = max(self._cursor, int(sync["last"]))
        else:
            self._history_due = True
            self._load_history()
        self._send_due()

    def _load_history(self) -> None:
        for frame in self._history():
            self._show(frame)
            self._cursor = max(self._cursor, int(frame["message_id"]))
        self._history_due = False

    # ---------------------------------------------------------------- sending
    def say(self, payload: str) -> None:
        client_id = f"{self.name}.{len(self.sent)}"
        self.sent.append(client_id)
        self.outbox.append(Pending(client_id, payload))
        self._send_due()

    def _send_due(self) -> None:
        if not self.live or self._holding or self.wire is None:
            return
        for pending in self.outbox[:WINDOW]:
            if pending.sent_at is None:
                frame = {"event": 0, "payload": pending.payload, "client_id": pending.client_id, "retry": pending.sent_before}
                self.wire.send(json.dumps(frame))
                pending.sent_before, pending.sent_at = True, self._now

    def _on_refused(self, client_id: str, error: dict[str, Any]) -> None:
        assert error["retryable"], error
        if self.outbox and (self.outbox[0].client_id, "resend_first") == (client_id, error["code"]):
            self.disconnect()
        else:
            self._spawn(self._resend_from(self.wire, client_id))

    async def _resend_from(self, wire: Wire | None, client_id: str) -> None:
        """Go back: nothing new before all from the refused one on has been resent, in order."""
        refused = next((pending for pending in self.outbox if pending.client_id == client_id), None)
        if refused is None or refused.sent_at is None:
            return
        for pending in self.outbox[self.outbox.index(refused) :]:
            pending.sent_at = None
        self._holding = True
        await asyncio.sleep(self._random.uniform(0.2, 1.5))
        if wire is self.wire and self.live:
            self._holding = False
            self._send_due()

    # ---------------------------------------------------------------- reload
    def reload(self) -> None:
        """Memory is gone; the outbox stays. Either replay from the start, or history first."""
        self.disconnect()
        self.screen, self._cursor, self._history_due = Screen(), 0, False
        if self._random.random() < 0.5:
            self._load_history()
