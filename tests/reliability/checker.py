"""Judges what clients saw, knowing nothing of the server: every sentence here is a promise of the contract.

The judgement is made after healing: all members are connected, their outboxes empty, and it has been quiet for a while.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from tests.reliability.history import ConversationHistory, Key, Observation, PresenceObservation, StoredMessage
from tests.reliability.lateness import lateness_of


class Kind(StrEnum):
    """What can be wrong."""

    LOST = "an acknowledged message is missing"
    DOUBLE = "a message is there twice"
    ALTERED = "a message is not what was sent"
    GHOST = "a message that nobody sent"
    ORDER = "messages of one sender changed places"
    DIFFERS = "the two members do not have the same conversation"
    TWICE = "one socket got the same stored message twice"
    UNASKED = "an acknowledgement that no frame of this socket asked for"
    SEEN_UNSENT = "`seen` names a message that its author never sent"
    SEEN_BACK = "`seen` went back on one socket"
    LATE = "a connected member waited too long"
    PRESENCE = "a member is told wrongly who is there"
    PAIR = "a pair is not a pair"
    UNANSWERED = "somebody searched, and got no answer"
    REOPENED = "a conversation that was said to be over goes on"


@dataclass(frozen=True)
class Violation:
    """One broken promise. `where`: whose socket, screen or history; `about`: the message."""

    kind: Kind
    channel_id: str
    where: str
    about: str

    def __str__(self) -> str:
        return f"{self.kind.name.lower()}: channel {self.channel_id}, {self.where}: {self.about} ({self.kind})"


def judge(history: ConversationHistory, most_late_s: float) -> list[Violation]:
    """All that is wrong with one conversation."""
    return [Violation(kind, history.channel_id, where, about) for kind, where, about in _judge(history, most_late_s)]


Finding = tuple[Kind, str, str]
FORGETS_S = 20.0
"""For so long at least a socket is not sent a message again under a larger id."""


def _judge(history: ConversationHistory, most_late_s: float) -> Iterator[Finding]:
    for where, lines in _places(history):
        yield from _complete(history, where, lines)
        yield from _genuine(history, where, lines)
        yield from _in_order(history, where, lines)
    yield from _genuine(history, "a socket", [seen.message for seen in history.observations])
    yield from _equal(history)
    yield from _once_per_socket(history)
    yield from _answers(history)
    yield from _seen(history)
    yield from _presence(history)
    for late in lateness_of(history):
        if late.seconds > most_late_s:
            yield Kind.LATE, f"member {late.user_id}", f"{late.key[1]} by {late.seconds:.1f} s"


def _places(history: ConversationHistory) -> list[tuple[str, list[StoredMessage]]]:
    """Every place where a whole conversation can be read; a place that was never read counts as empty."""
    screens = [(f"screen of {user}", history.screens.get(user, [])) for user in history.members]
    screens += [(f"screen of {tab}", lines) for tab, lines in history.more_screens.items()]
    return screens + [(f"history for {user}", history.rest.get(user, [])) for user in history.members]


def _complete(history: ConversationHistory, where: str, lines: list[StoredMessage]) -> Iterator[Finding]:
    count = Counter(line.key for line in lines)
    for key in history.acknowledged:
        if key not in count:
            yield Kind.LOST, where, key[1]
    for key, times in count.items():
        if times > 1:
            yield Kind.DOUBLE, where, f"{key[1]}, {times} times"


def _genuine(history: ConversationHistory, where: str, lines: Iterable[StoredMessage]) -> Iterator[Finding]:
    payloads = {said.key: said.payload for said in history.invocations}
    for line in lines:
        if line.key not in payloads or line.event != 0:
            yield Kind.GHOST, where, f"{line.client_id or line.message_id} of {line.user_id}"
        elif payloads[line.key] != line.payload:
            yield Kind.ALTERED, where, line.client_id


def _in_order(history: ConversationHistory, where: str, lines: list[StoredMessage]) -> Iterator[Finding]:
    spoken = {said.key: (place, said.tab) for place, said in enumerate(history.invocations)}
    last: dict[tuple[int, int], int] = {}
    for line in sorted(lines, key=lambda line: line.message_id):
        place, tab = spoken.get(line.key, (-1, 0))
        speaker = line.user_id, tab
        if 0 <= place < last.get(speaker, -1):
            yield Kind.ORDER, where, line.client_id
        last[speaker] = max(place, last.get(speaker, -1))


def _equal(history: ConversationHistory) -> Iterator[Finding]:
    """Both histories are the same to the last id; both screens show the same messages in the same sequence."""
    one, other = history.members
    rest_one, rest_other = history.rest.get(one, []), history.rest.get(other, [])
    if rest_one != rest_other:
        yield Kind.DIFFERS, "histories", _first_difference([m.key for m in rest_one], [m.key for m in rest_other])
    told = [line.key for line in sorted(rest_one, key=lambda line: line.message_id)]
    for where, lines in _places(history)[:-2]:
        shown = [line.key for line in lines]
        if shown != told:
            yield Kind.DIFFERS, f"{where} and history", _first_difference(shown, told)


def _first_difference(one: list[Key], other: list[Key]) -> str:
    for place, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return f"line {place + 1}: {left[1]} or {right[1]}"
    return f"{len(one)} or {len(other)} lines, or their ids"


def _once_per_socket(history: ConversationHistory) -> Iterator[Finding]:
    """A copy is new to its socket, or corrects the place of the one before by a smaller id; answers may repeat.

    Where the sender had no answer for long, its resend is a new row, which those who had the old one may be sent too.
    """
    smallest: dict[tuple[int, Key], int] = {}
    met: dict[tuple[int, int], float] = {}
    newest_at: dict[tuple[int, Key], float] = {}
    for seen in history.observations:
        place, message_id = (seen.socket, seen.message.key), seen.message.message_id
        known = smallest.get(place)
        forgotten = (seen.socket, message_id) not in met and seen.at - newest_at.get(place, seen.at) > FORGETS_S
        if known is not None and not seen.ack and message_id >= known and not forgotten:
            yield Kind.TWICE, f"socket {seen.socket} of {seen.user_id}", seen.message.client_id
        smallest[place] = message_id if known is None else min(known, message_id)
        met[seen.socket, message_id] = newest_at[place] = seen.at


def _answers(history: ConversationHistory) -> Iterator[Finding]:
    """One acknowledgement at most for each time that a message went out, and on the socket that it went out on."""
    asked = Counter((sent.socket, sent.user_id, sent.client_id) for sent in history.sendings)
    for seen in history.observations:
        if seen.ack:
            yield from _answer(seen, asked)


def _answer(seen: Observation, asked: Counter[tuple[int, int, str]]) -> Iterator[Finding]:
    question = seen.socket, seen.user_id, seen.message.client_id
    if seen.message.user_id != seen.user_id or asked[question] == 0:
        yield Kind.UNASKED, f"socket {seen.socket} of {seen.user_id}", seen.message.client_id
    asked[question] -= 1


def _seen(history: ConversationHistory) -> Iterator[Finding]:
    """A message may be known under two ids: each of them counts as sent.

    Where a member reads in two tabs, each says how far it is, and each word of it is passed on: a smaller id is right then, if it
    was said.
    """
    places = [lines for _, lines in _places(history)]
    known = {(m.user_id, m.message_id) for m in [*(s.message for s in history.observations), *(m for p in places for m in p)]}
    said = {(sent.user_id, sent.message_id) for sent in history.seen_sent}
    in_two_tabs = {sent.user_id for sent in history.seen_sent if sent.tab}
    last: dict[tuple[int, int], int] = {}
    for seen in history.seen:
        where = f"socket {seen.socket} of {seen.user_id}"
        if (seen.author, seen.message_id) not in known:
            yield Kind.SEEN_UNSENT, where, str(seen.message_id)
        reader = history.peer_of(seen.author)
        excused = reader in in_two_tabs and (reader, seen.message_id) in said
        if seen.message_id < last.get((seen.socket, seen.author), 0) and not excused:
            yield Kind.SEEN_BACK, where, str(seen.message_id)
        last[seen.socket, seen.author] = max(seen.message_id, last.get((seen.socket, seen.author), 0))


def _presence(history: ConversationHistory) -> Iterator[Finding]:
    """At the end, on the newest socket of each who is there, and for whoever asks; nobody's presence is judged where none is."""
    newest: dict[int, int] = {}
    news: dict[tuple[int, int], PresenceObservation] = {}
    for told in history.presence:
        newest[told.user_id] = max(told.socket, newest.get(told.user_id, -1))
        if told.about != told.user_id and told.action in {"joined", "reconnecting", "offline", "waiting", "leaved"}:
            news[told.user_id, told.socket] = told
    for user in history.present:
        if history.online.get(user) != history.present:
            yield Kind.PRESENCE, f"asked by {user}", f"online are {history.online.get(user)}, there are {history.present}"
        last = news.get((user, newest.get(user, -1)))
        if (last is not None and last.action == "joined") != (history.peer_of(user) in history.present):
            yield Kind.PRESENCE, f"newest socket of {user}", f"last news of {history.peer_of(user)}: {last}"


def judge_pairs(results: Iterable[tuple[int, str]]) -> list[Violation]:
    """Of one round in which each person asked for one partner: (user id, channel id) of every result."""
    channels: dict[str, set[int]] = {}
    homes: dict[int, set[str]] = {}
    for user, channel in results:
        channels.setdefault(channel, set()).add(user)
        homes.setdefault(user, set()).add(channel)
    odd = [Violation(Kind.PAIR, channel, "members", str(sorted(them))) for channel, them in channels.items() if len(them) != 2]
    return odd + [
        Violation(Kind.PAIR, "-", f"person {user}", f"in {sorted(all_)}") for user, all_ in homes.items() if len(all_) > 1
    ]
