"""What happened in one conversation, as its two members saw it. All times are seconds of one monotonic clock."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

Key = tuple[int, str]
"""A message as its sender knows it: (user id, `client_id`)."""


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A stored frame (events 0 and 3), wherever it was read."""

    message_id: int
    user_id: int
    client_id: str
    event: int
    payload: str

    @property
    def key(self) -> Key:
        return self.user_id, self.client_id


def stored_message(frame: dict[str, Any]) -> StoredMessage:
    return StoredMessage(
        int(frame["message_id"]), int(frame["user_id"]), frame.get("client_id", ""), frame["event"], frame["payload"]
    )


@dataclass(frozen=True, slots=True)
class Invocation:
    """A member said something: it went into the outbox."""

    user_id: int
    client_id: str
    payload: str
    at: float
    tab: int = 0
    """Each tab of a member keeps an order of its own."""

    @property
    def key(self) -> Key:
        return self.user_id, self.client_id


@dataclass(frozen=True, slots=True)
class Sending:
    """A frame went out on a socket, for the first time or again."""

    user_id: int
    socket: int
    client_id: str
    at: float


@dataclass(frozen=True, slots=True)
class Observation:
    """A stored frame came in on a socket. `ack`: it answers a frame of this very socket."""

    user_id: int
    socket: int
    message: StoredMessage
    ack: bool
    at: float


@dataclass(frozen=True, slots=True)
class SeenObservation:
    """A `seen` frame came in on a socket."""

    user_id: int
    socket: int
    author: int
    message_id: int
    at: float


@dataclass(frozen=True, slots=True)
class SeenSending:
    """A tab said how far its member has read."""

    user_id: int
    tab: int
    message_id: int


@dataclass(frozen=True, slots=True)
class PresenceObservation:
    """News of a member's presence came in on a socket."""

    user_id: int
    socket: int
    about: int
    action: str
    at: float


@dataclass(slots=True)
class LiveSpan:
    """From the `sync` of a socket to the moment when its owner knew that it was gone."""

    user_id: int
    began: float
    ended: float = float("inf")


@dataclass
class ConversationHistory:
    """One channel. `screens` and `rest` are read at the end, when all is healed and quiet, one entry for each member.

    `more_screens`: of further tabs, by a name. `present`: who is there at the end, to the checker's knowledge; `online`: who is
    called online then, by each who is there.
    """

    channel_id: str
    members: tuple[int, int]
    invocations: list[Invocation] = field(default_factory=list)
    sendings: list[Sending] = field(default_factory=list)
    observations: list[Observation] = field(default_factory=list)
    seen: list[SeenObservation] = field(default_factory=list)
    seen_sent: list[SeenSending] = field(default_factory=list)
    presence: list[PresenceObservation] = field(default_factory=list)
    live: list[LiveSpan] = field(default_factory=list)
    screens: dict[int, list[StoredMessage]] = field(default_factory=dict)
    more_screens: dict[str, list[StoredMessage]] = field(default_factory=dict)
    rest: dict[int, list[StoredMessage]] = field(default_factory=dict)
    present: set[int] = field(default_factory=set)
    online: dict[int, set[int]] = field(default_factory=dict)
    sockets: itertools.count[int] = field(default_factory=itertools.count)

    def peer_of(self, user_id: int) -> int:
        one, other = self.members
        return other if user_id == one else one

    @property
    def acknowledged(self) -> dict[Key, float]:
        """When each acknowledged message was acknowledged first."""
        first: dict[Key, float] = {}
        for seen in self.observations:
            if seen.ack and seen.message.user_id == seen.user_id:
                first.setdefault(seen.message.key, seen.at)
        return first
