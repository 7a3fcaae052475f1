"""Valid conversations, made up from a seed, with all that may rightly happen: breaks, replays, resends, second ids."""

from __future__ import annotations

import random
from dataclasses import replace

from tests.reliability.history import (
    ConversationHistory,
    Invocation,
    LiveSpan,
    Observation,
    PresenceObservation,
    SeenObservation,
    Sending,
    StoredMessage,
)
from tests.reliability.screen import Screen

ANNA, BEN = 7, 9


class Story:
    """Writes a history as a faultless server and two faultless clients would."""

    def __init__(self, seed: int, turns: int = 80) -> None:
        self._random = random.Random(seed)
        self._now = 100.0
        self._rows: list[StoredMessage] = []
        self._sockets: dict[int, int] = {}
        self.history = ConversationHistory("42", (ANNA, BEN))
        for user in (ANNA, BEN):
            self._connect(user)
        for turn in range(turns):
            self._turn(turn)
        self._finish()

    def _turn(self, turn: int) -> None:
        user = self._random.choice((ANNA, BEN))
        event = "say" if turn < 5 else self._random.choice(("say", "say", "say", "break", "lost answer", "stored again", "seen"))
        match event:
            case "say":
                self._answer(user, self._store(self._say(user)))
            case "break":
                self._reconnect(user)
            case "lost answer":
                row = self._store(self._say(user))
                self._reconnect(user)
                self._send(user, row.client_id)
                self._answer(user, row)
            case "stored again":
                first = self._store(self._say(user))
                self._reconnect(user)
                self._send(user, first.client_id)
                self._answer(user, self._store(replace(first, message_id=0)))
                self._receive(self.history.peer_of(user), first)
            case _:
                self._see(user)

    def _say(self, user: int) -> StoredMessage:
        client_id = f"{user}-{len(self.history.invocations)}"
        said = Invocation(user, client_id, f"words of {client_id}", self._later())
        self.history.invocations.append(said)
        self._send(user, client_id)
        return StoredMessage(0, user, client_id, 0, said.payload)

    def _send(self, user: int, client_id: str) -> None:
        self.history.sendings.append(Sending(user, self._sockets[user], client_id, self._later()))

    def _store(self, row: StoredMessage) -> StoredMessage:
        self._rows.append(replace(row, message_id=1000 + 10 * len(self._rows)))
        return self._rows[-1]

    def _answer(self, user: int, row: StoredMessage) -> None:
        """The acknowledgement, and the copy for the peer, in either sequence."""
        receivers = [user, self.history.peer_of(user)]
        self._random.shuffle(receivers)
        for receiver in receivers:
            self._receive(receiver, row, ack=receiver == user)

    def _receive(self, user: int, row: StoredMessage, *, ack: bool = False) -> None:
        self.history.observations.append(Observation(user, self._sockets[user], row, ack, self._later()))

    def _see(self, reader: int) -> None:
        author = self.history.peer_of(reader)
        newest = max((row.message_id for row in self._rows if row.user_id == author), default=0)
        for user in (ANNA, BEN) if newest else ():
            self.history.seen.append(SeenObservation(user, self._sockets[user], author, newest, self._later()))

    def _reconnect(self, user: int) -> None:
        next(s for s in self.history.live if s.user_id == user and s.ended == float("inf")).ended = self._later()
        self._connect(user)

    def _connect(self, user: int) -> None:
        self._sockets[user] = next(self.history.sockets)
        told: dict[tuple[int, str], StoredMessage] = {}
        for row in self._rows:
            told.setdefault(row.key, row)
        for row in told.values():
            self._receive(user, row)
        self.history.live.append(LiveSpan(user, self._later()))
        self._tell_of(user)

    def _tell_of(self, user: int) -> None:
        """Who is there already hears of who comes, and the other way round."""
        peer = self.history.peer_of(user)
        here = peer in self._sockets
        told = [(user, user, "joined" if here else "waiting"), (user, peer, "joined" if here else "offline")]
        if here:
            told += [(peer, user, "reconnecting"), (peer, user, "joined")]
        for to, about, action in told:
            self.history.presence.append(PresenceObservation(to, self._sockets[to], about, action, self._later()))

    def _finish(self) -> None:
        fresh = Screen()
        for row in self._rows:
            fresh.show(row)
        for user in (ANNA, BEN):
            screen = Screen()
            for seen in self.history.observations:
                if seen.user_id == user:
                    screen.show(seen.message)
            self.history.screens[user], self.history.rest[user] = screen.lines, fresh.lines
            self.history.present.add(user)
            self.history.online[user] = {ANNA, BEN}

    def _later(self) -> float:
        self._now += self._random.uniform(0.001, 0.01)
        return self._now
