"""A member's page, which keeps all the rules that the contract has for clients, and notes what it sees."""

from __future__ import annotations

import asyncio
import json
import random
import traceback
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.typing import Subprotocol

from tests.reliability.history import (
    ConversationHistory,
    Invocation,
    LiveSpan,
    Observation,
    PresenceObservation,
    SeenObservation,
    SeenSending,
    Sending,
    stored_message,
)
from tests.reliability.member import Member
from tests.reliability.outbox import Outbox
from tests.reliability.screen import Screen

BEAT_S, SILENCE_S, ANSWER_S = 2.0, 8.0, 14.0
TEXT, ACTION, SEEN, FILE, SYNC, ERROR, BEAT = 0, 1, 2, 3, 4, 5, 6
FOR_GOOD = range(4500, 5000)
BACKOFF_S, MOST_BACKOFF_S = 0.1, 3.0
NO_SERVER = (OSError, InvalidHandshake, ConnectionClosed, EOFError)


@dataclass
class Link:
    """One socket. `live`: its replay is over. `asked_at`: since when the oldest message waits for its answer."""

    number: int
    connection: ClientConnection
    heard_at: float
    live: LiveSpan | None = None
    asked_at: float | None = None


@dataclass(frozen=True)
class Outage:
    """For how long a tab that wanted one had no live socket."""

    began: float
    ended: float


class Tab:
    """Connects again and again until it is closed. `complaints`: what no client that keeps the rules should ever meet."""

    def __init__(self, member: Member, history: ConversationHistory, rng: random.Random, number: int = 0) -> None:
        """`number`: of this tab among its member's."""
        self.complaints: list[str] = []
        self.outages: list[Outage] = []
        self.number = number
        self.screen = Screen()
        self.outbox = Outbox()
        self.member = member
        self._history, self._random = history, rng
        self._cursor, self._history_due, self._read_up_to = 0, False, 0
        self._link: Link | None = None
        self._failures, self._closing = 0, False
        self._lost_at = self._sleeps_until = self._now
        self._wake = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._spawn(self._stay_connected())

    @property
    def live(self) -> bool:
        return self._link is not None and self._link.live is not None and not self._history_due

    @property
    def settled(self) -> bool:
        return self.live and not self.outbox

    @property
    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    # ---------------------------------------------------------------- what a person does
    def say(self, words: str) -> None:
        client_id = f"{self.member.user_id}-{len(self._history.invocations)}"
        self._history.invocations.append(Invocation(self.member.user_id, client_id, words, self._now, self.number))
        self.outbox.add(client_id, words)
        self._wake.set()

    def cut(self) -> None:
        """The line breaks."""
        if self._link is not None:
            self._link.connection.transport.abort()

    def sleep(self, seconds: float) -> None:
        """The line breaks, and for a while the machine does not even try."""
        self._sleeps_until = self._now + seconds
        self.cut()

    def reload(self) -> None:
        """Screen and cursor are gone, the outbox stays. The page then reads history first, or has all replayed."""
        self.cut()
        self.screen = Screen()
        self._cursor, self._read_up_to = 0, 0
        self._history_due = self._random.random() < 0.5

    async def leave(self) -> None:
        """Close the page, in good order."""
        link, self._closing = self._link, True
        if link is not None:
            await link.connection.close(1001)
        await self.close()

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # ---------------------------------------------------------------- sockets
    async def _stay_connected(self) -> None:
        while not self.complaints and not self._closing:
            pause_s = self._random.uniform(0, min(MOST_BACKOFF_S, BACKOFF_S * 2**self._failures))
            await asyncio.sleep(max(pause_s, self._sleeps_until - self._now))
            self._failures = min(self._failures + 1, 10)
            with suppress(*NO_SERVER):
                if self._history_due and self._cursor == 0:
                    await self._load_history(self.screen)
                await self._connect_once()

    async def _connect_once(self) -> None:
        protocols = [Subprotocol("randomchat.v1"), Subprotocol(self.member.token)]
        url = f"{self.member.socket_url}?after={self._cursor}"
        async with connect(
            url, subprotocols=protocols, compression=None, ping_interval=None, max_queue=None, close_timeout=1, proxy=None
        ) as connection:
            link = self._link = Link(next(self._history.sockets), connection, self._now)
            async with asyncio.TaskGroup() as tasks:
                helpers = [tasks.create_task(self._send_due(link)), tasks.create_task(self._watch(link))]
                try:
                    async for text in connection:
                        self._take(link, json.loads(text))
                except ConnectionClosed:
                    pass
                finally:
                    self._lose(link)
                    for helper in helpers:
                        helper.cancel()
        if connection.close_code in FOR_GOOD:
            self.complaints.append(f"sent away with {connection.close_code} {connection.close_reason}")

    def _lose(self, link: Link) -> None:
        self._link = None
        self.outbox.lose_socket()
        if link.live is not None:
            link.live.ended = self._lost_at = self._now

    async def _watch(self, link: Link) -> None:
        """Ask for signs of life, and give a dead line up."""
        while True:
            await asyncio.sleep(BEAT_S)
            waits = link.asked_at is not None and self._now - link.asked_at > ANSWER_S
            if waits or self._now - link.heard_at > SILENCE_S:
                link.connection.transport.abort()
            with suppress(ConnectionClosed):
                await link.connection.send(json.dumps({"event": BEAT, "payload": "?"}))

    # ---------------------------------------------------------------- frames in
    def _take(self, link: Link, frame: dict[str, Any]) -> None:
        link.heard_at = self._now
        match frame["event"]:
            case 0 | 3:
                self._take_stored(link, frame)
            case 1:
                told = PresenceObservation(self.member.user_id, link.number, int(frame["user_id"]), frame["payload"], self._now)
                self._history.presence.append(told)
            case 2:
                self._take_seen(link, int(frame["user_id"]), int(frame["payload"]))
            case 4:
                self._take_sync(link, json.loads(frame["payload"]))
            case 5:
                self._take_error(link, frame.get("client_id", ""), json.loads(frame["payload"]))

    def _take_stored(self, link: Link, frame: dict[str, Any]) -> None:
        message, ack = stored_message(frame), frame.get("ack") is True
        self._history.observations.append(Observation(self.member.user_id, link.number, message, ack, self._now))
        self.screen.show(message)
        if self.live:
            self._cursor = max(self._cursor, message.message_id)
        if ack:
            self.outbox.acknowledge(message.client_id)
            link.asked_at = self._now if self.outbox else None
            self._wake.set()
        if message.user_id != self.member.user_id:
            self._see(message.message_id)

    def _take_seen(self, link: Link, author: int, message_id: int) -> None:
        """A page that was reloaded learns so how far its own member has read: it must not say less."""
        self._history.seen.append(SeenObservation(self.member.user_id, link.number, author, message_id, self._now))
        if author != self.member.user_id:
            self._read_up_to = max(self._read_up_to, message_id)

    def _take_sync(self, link: Link, payload: dict[str, Any]) -> None:
        self._failures = 0
        self.outages.append(Outage(max(self._lost_at, self._sleeps_until), self._now))
        link.live = LiveSpan(self.member.user_id, self._now)
        self._history.live.append(link.live)
        self._history_due = not payload["recovered"]
        if self._history_due:
            self._spawn(self._reload_history(link))
        else:
            self._cursor = max(self._cursor, int(payload["last"]))
        self._see(0)
        self._wake.set()

    def _take_error(self, link: Link, client_id: str, payload: dict[str, Any]) -> None:
        if not payload["retryable"]:
            self.complaints.append(f"{client_id} was refused for good: {payload}")
            link.connection.transport.abort()
        elif payload["code"] == "resend_first" and self.outbox.is_oldest(client_id):
            link.connection.transport.abort()
        elif self.outbox.go_back(client_id):
            wait_s = max(payload["retry_after_ms"] / 1000, self._random.uniform(0.2, 1.5))
            asyncio.get_running_loop().call_later(wait_s, self._go_on, link)

    def _go_on(self, link: Link) -> None:
        if link is self._link:
            self.outbox.go_on()
            self._wake.set()

    # ---------------------------------------------------------------- frames out
    async def _send_due(self, link: Link) -> None:
        read_up_to = 0
        with suppress(ConnectionClosed):
            while True:
                await self._wake.wait()
                self._wake.clear()
                if link.live is None:
                    continue
                for pending, retry in self.outbox.take_due():
                    self._history.sendings.append(Sending(self.member.user_id, link.number, pending.client_id, self._now))
                    link.asked_at = link.asked_at or self._now
                    words = {"event": TEXT, "payload": pending.payload, "client_id": pending.client_id}
                    await link.connection.send(json.dumps({**words, "retry": True} if retry else words))
                if read_up_to < self._read_up_to:
                    read_up_to = self._read_up_to
                    self._history.seen_sent.append(SeenSending(self.member.user_id, self.number, read_up_to))
                    await link.connection.send(json.dumps({"event": SEEN, "payload": str(read_up_to)}))

    def _see(self, message_id: int) -> None:
        self._read_up_to = max(self._read_up_to, message_id)
        self._wake.set()

    # ---------------------------------------------------------------- history
    async def _reload_history(self, link: Link) -> None:
        while link is self._link and self._history_due:
            with suppress(OSError):
                await self._load_history(self.screen)
            await asyncio.sleep(0.2)

    async def _load_history(self, screen: Screen) -> None:
        """The cursor stays where it was until this is done."""
        messages = await self.member.read_history(limit=self._random.choice((None, 97, 500)))
        if screen is self.screen:
            for message in messages:
                screen.show(message)
                self._cursor = max(self._cursor, message.message_id)
            self._history_due = False

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.complaints.append("".join(traceback.format_exception(error)))
