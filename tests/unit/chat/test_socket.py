"""What one socket is handed, in which order, and when it has had enough."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field

import pytest

from randomchat.chat.domain import Channel, Event, Member, Message
from randomchat.chat.frames import ClientFrame
from randomchat.chat.hub import Hub, LiveChannel
from randomchat.chat.socket import SHED_BYTES, ChatSocket
from randomchat.errors import RandomchatError
from randomchat.ids import ChannelId, MessageId, UserId

FIRST, SECOND = UserId(11), UserId(22)
CHANNEL = Channel(ChannelId(77), (Member(FIRST), Member(SECOND)))
MAX_BYTES = 200_000


@dataclass
class RecordingConnection:
    """`Connection` whose peer reads only when a test says so."""

    sent: list[bytes] = field(default_factory=list)
    queued_bytes: int = 0
    closed: list[int] = field(default_factory=list)

    def send_text(self, data: bytes) -> None:
        self.sent.append(data)

    def close(self, code: int, reason: str = "") -> None:
        self.closed.append(code)

    def abort(self) -> None:
        self.closed.append(1006)

    async def drained(self) -> None:
        """The peer has read everything."""
        self.queued_bytes = 0


class Desk:
    """A hub with one channel."""

    def __init__(self) -> None:
        self.hub, self.live = Hub(), LiveChannel(CHANNEL, 0, 0.0)
        self.ended: list[ChatSocket] = []

    def add(self, user: UserId = FIRST, *, released: bool = True) -> tuple[ChatSocket, RecordingConnection]:
        connection = RecordingConnection()
        socket = self.hub.add(self.live, user, connection, issued_at_s=0, max_bytes=MAX_BYTES, on_closed=self.ended.append)
        if released:
            socket.release(resumed=False)
        return socket, connection


@pytest.fixture
def desk() -> Desk:
    return Desk()


def message(number: int, name: str | None = None, side: int = 0) -> Message:
    return Message(MessageId(number << 21 | side << 20), (FIRST, SECOND)[side], Event.TEXT, f"text {number}", name)


def texts(connection: RecordingConnection) -> list[str]:
    return [json.loads(data)["payload"] for data in connection.sent]


# ---------------------------------------------------------------- holding
def test_live_messages_are_held_until_the_replay_is_out(desk: Desk) -> None:
    socket, connection = desk.add(released=False)
    desk.live.hand(message(2))
    desk.live.tell(b'{"payload":"seen"}')
    desk.live.hand(message(3))
    assert connection.sent == []
    socket.once.add(message(2))  # it was in the replay
    socket.send(b'{"payload":"replay"}')
    socket.release(resumed=False)
    assert texts(connection) == ["replay", "seen", "text 3"]
    desk.live.hand(message(4))
    assert texts(connection)[-1] == "text 4"


def test_a_resumed_socket_is_not_taken_back_by_the_signs_that_were_held(desk: Desk) -> None:
    socket, connection = desk.add(released=False)
    desk.live.tell(b'{"payload":"seen up to 1"}')
    desk.live.hand(message(3))
    socket.send(b'{"payload":"seen up to 2"}')  # how things stand at the end of the replay
    socket.release(resumed=True)
    assert texts(connection) == ["seen up to 2", "text 3"]


def test_held_signs_do_not_take_a_resumed_socket_back(desk: Desk) -> None:
    socket, connection = desk.add(released=False)
    desk.live.tell(b'{"payload":"seen"}')
    desk.live.hand(message(3))
    socket.release(resumed=True)
    assert texts(connection) == ["text 3"]


def test_what_the_replay_will_bring_is_not_held_again(desk: Desk) -> None:
    socket, connection = desk.add(released=False)
    socket.expected = frozenset({message(1).id})
    for _ in range(3):  # a sweep in the middle of a long replay
        desk.live.hand(message(1))
        desk.live.hand(message(2))
    socket.once.add(message(1))
    socket.release(resumed=True)
    assert texts(connection) == ["text 2"]


def test_what_is_held_is_bounded(desk: Desk) -> None:
    socket, connection = desk.add(released=False)
    for number in range(1, 100):
        desk.live.hand(Message(MessageId(number << 21), FIRST, Event.TEXT, "x" * 4000))
        if not socket.open:
            break
    assert connection.closed == [4008]
    assert desk.ended == [socket]
    assert number * 4000 < MAX_BYTES + 4000
    socket.release(resumed=False)
    assert connection.sent == []


def test_signs_of_typing_are_not_held(desk: Desk) -> None:
    socket, connection = desk.add(released=False)
    desk.live.hint(b'{"payload":"istyping"}')
    socket.release(resumed=False)
    assert connection.sent == []


# ---------------------------------------------------------------- once
def test_each_socket_gets_a_message_once(desk: Desk) -> None:
    (_, one), (_, other) = desk.add(), desk.add(SECOND)
    assert desk.live.hand(message(1)) == 2
    assert desk.live.hand(message(1)) == 0
    assert texts(one) == texts(other) == ["text 1"]


def test_a_socket_that_joined_later_gets_what_the_others_have(desk: Desk) -> None:
    desk.add()
    desk.live.hand(message(1))
    _, late = desk.add(SECOND)
    assert desk.live.hand(message(1)) == 1
    assert texts(late) == ["text 1"]


def test_the_answer_to_a_frame_comes_every_time_and_to_its_sender_only(desk: Desk) -> None:
    (asker, own), (_, other) = desk.add(), desk.add(SECOND)
    for _ in range(2):
        desk.live.hand(message(1, "c-1"), asker)
    assert [json.loads(data).get("ack") for data in own.sent] == [True, True]
    assert [json.loads(data).get("ack") for data in other.sent] == [None]


def test_an_old_clients_answer_has_no_ack(desk: Desk) -> None:
    asker, own = desk.add()
    desk.live.hand(message(1), asker)
    assert "ack" not in json.loads(own.sent[0])


def test_whatever_is_handed_raises_the_floor(desk: Desk) -> None:
    desk.add()
    for number in (3, 1, 2):
        desk.live.hand(message(number))
    assert desk.live.floor == 3 << 21


# ---------------------------------------------------------------- slow readers
def test_at_its_bound_a_socket_is_closed_and_gets_nothing_more(desk: Desk) -> None:
    (slow, connection), (_, quick) = desk.add(), desk.add(SECOND)
    connection.queued_bytes = MAX_BYTES - 10
    desk.live.hand(message(1))
    assert (connection.closed, connection.sent) == ([4008], [])
    assert (slow.open, slow.close_code) == (False, 4008)
    slow.send(b"more")
    slow.close(4503)
    assert (connection.closed, connection.sent) == ([4008], [])
    assert texts(quick) == ["text 1"]
    assert desk.ended == [slow]


def test_typing_is_shed_before(desk: Desk) -> None:
    _, connection = desk.add()
    connection.queued_bytes = SHED_BYTES + 1
    desk.live.hint(b"typing")
    assert connection.sent == []
    desk.live.hand(message(1))
    connection.queued_bytes = SHED_BYTES
    desk.live.hint(b'{"payload":"typing"}')
    assert texts(connection) == ["text 1", "typing"]


# ---------------------------------------------------------------- resend first
def refuse(socket: ChatSocket, code: str, name: str | None) -> None:
    frame = ClientFrame(0, "x") if name is None else ClientFrame(0, "x", name)
    socket.refuse(frame, RandomchatError(code=code), 5)


@pytest.mark.parametrize(
    ("refusals", "waits_for"),
    [
        ([("unavailable", "a")], "a"),
        ([("rate_limited", "a")], "a"),
        ([("too_late", "a")], "a"),
        ([("unavailable", "a"), ("resend_first", "b")], "a"),
        ([("unavailable", "a"), ("unavailable", "b")], "a"),
        ([("unavailable", "a"), ("rate_limited", "a")], "a"),
        ([("unavailable", None)], None),
        ([("channel_full", "a")], None),
        ([("malformed", "a")], None),
        ([("unavailable", "a"), ("channel_full", "a")], None),
        ([("unavailable", "a"), ("malformed", "b")], "a"),
        ([("unavailable", "a"), ("malformed", None)], "a"),
    ],
)
def test_a_retryable_refusal_must_be_resent_first(
    desk: Desk, refusals: list[tuple[str, str | None]], waits_for: str | None
) -> None:
    socket, connection = desk.add()
    for code, name in refusals:
        refuse(socket, code, name)
    assert socket.waits_for == waits_for
    assert [json.loads(json.loads(data)["payload"])["code"] for data in connection.sent] == [code for code, _ in refusals]


def test_its_acknowledgement_opens_the_way(desk: Desk) -> None:
    socket, _ = desk.add()
    refuse(socket, "unavailable", "a")
    desk.live.hand(message(1, "b"), socket)
    assert socket.waits_for == "a"
    desk.live.hand(message(2, "a"))
    assert socket.waits_for == "a", "only the answer to the frame counts"
    desk.live.hand(message(2, "a"), socket)
    assert socket.waits_for is None


# ---------------------------------------------------------------- the hub
def test_a_channel_without_sockets_is_forgotten(desk: Desk) -> None:
    (one, _), (other, _) = desk.add(), desk.add(SECOND)
    assert desk.hub.remove(one)
    assert desk.hub.channels == {CHANNEL.id: desk.live}
    assert desk.hub.remove(other)
    assert (desk.hub.channels, desk.hub.sockets) == ({}, {})
    assert not desk.hub.remove(other)


def test_some_or_all_sockets_can_be_closed_by_number(desk: Desk) -> None:
    (one, first), (other, second) = desk.add(), desk.add(SECOND)
    desk.hub.close_sockets([one.number, 12345], 4509, "")
    assert (first.closed, second.closed) == ([4509], [])
    desk.hub.close_all(1012, "")
    assert (first.closed, second.closed) == ([4509], [1012])
    assert desk.ended == [one, other]


def test_a_member_is_online_here_or_elsewhere(desk: Desk) -> None:
    desk.add()
    assert (desk.live.is_online(0), desk.live.is_online(1)) == (True, False)
    assert desk.live.users_here() == {FIRST}


async def test_a_timer_replaces_the_one_of_its_name_and_side(desk: Desk) -> None:
    fired: list[str] = []
    done = asyncio.Event()
    desk.live.set_timer("offline", 0, 0, lambda: fired.append("first"))
    desk.live.set_timer("offline", 0, 0.01, lambda: fired.append("second"))
    desk.live.set_timer("offline", 1, 0.02, done.set)
    await asyncio.wait_for(done.wait(), 5)
    assert fired == ["second"]
