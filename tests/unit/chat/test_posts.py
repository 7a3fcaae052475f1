"""What nodes write to each other."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from randomchat.chat.domain import Event, Message
from randomchat.chat.posts import (
    VERSION,
    Beat,
    Closed,
    CloseSockets,
    Outbox,
    Post,
    Present,
    Seen,
    Stored,
    Typing,
    UnknownPost,
    open_envelope,
)
from randomchat.ids import ChannelId, MessageId, NodeId, UserId
from randomchat.infra.mailbox import topic_of
from randomchat.infra.mailbox_memory import MemoryBroker, MemoryMailbox
from tests.fakes import FakeClock

CHANNEL, USER, MESSAGE_ID = ChannelId(1 << 62), UserId(1 << 61), MessageId(1 << 60)
POSTS: list[Post] = [
    Beat(),
    Stored(CHANNEL, Message(MESSAGE_ID, USER, Event.TEXT, "\U0001f355", "c-1")),
    Stored(CHANNEL, Message(MESSAGE_ID, USER, Event.FILE, "{}")),
    Seen(CHANNEL, USER, MESSAGE_ID),
    Present(CHANNEL, 5, [USER], clean=True, reply=False),
    Typing(CHANNEL, 5, USER, on=True),
    Closed(CHANNEL, USER),
    CloseSockets([1, 2], 4509, "too many"),
]


class Reader(MemoryMailbox):
    """A mailbox that keeps what is posted."""

    def __init__(self) -> None:
        super().__init__(MemoryBroker())
        self.posted: list[tuple[str, bytes]] = []

    def post(self, topic: str, data: bytes) -> None:
        self.posted.append((topic, data))


@pytest.mark.parametrize("post", POSTS)
def test_every_post_is_read_as_it_was_written(post: Post) -> None:
    mailbox, clock = Reader(), FakeClock()
    Outbox(NodeId("one"), mailbox, clock).post(NodeId("other"), post)
    ((topic, data),) = mailbox.posted
    envelope, opened = open_envelope(data)
    assert topic == topic_of("chat", NodeId("other"))
    assert (envelope.version, envelope.node, envelope.sent_ms) == (VERSION, "one", clock.wall_ms())
    assert opened == post


def test_a_post_to_all_goes_to_each_once() -> None:
    mailbox = Reader()
    outbox = Outbox(NodeId("one"), mailbox, FakeClock())
    outbox.post_all({NodeId("a"), NodeId("b")}, Beat())
    outbox.post_all([], Beat())
    assert sorted(topic for topic, _ in mailbox.posted) == [topic_of("chat", NodeId("a")), topic_of("chat", NodeId("b"))]


def envelope(version: int, post: object) -> bytes:
    return msgspec.msgpack.encode([version, "one", 5, msgspec.Raw(msgspec.msgpack.encode(post))])


@pytest.mark.parametrize(
    "data",
    [envelope(VERSION + 1, ["beat"]), envelope(VERSION, ["dance", 1]), envelope(VERSION, ["seen", 1]), envelope(1, {}), b""],
)
def test_what_a_newer_node_says_is_told_from_what_is_known(data: bytes) -> None:
    with pytest.raises(UnknownPost):
        open_envelope(data)


def test_a_known_post_with_more_fields_is_read() -> None:
    _, post = open_envelope(envelope(VERSION, ["closed", CHANNEL, USER, "a field of tomorrow"]))
    assert post == Closed(CHANNEL, USER)


@given(st.binary())
@example(b"\x94\x01\xa1\xff\x00\x00")  # a text that is no UTF-8
def test_noise_is_unknown_and_never_worse(data: bytes) -> None:
    with pytest.raises(UnknownPost):
        open_envelope(data)


@given(st.lists(st.floats(-10, 10), max_size=50))
def test_the_number_of_news_always_grows(steps: list[float]) -> None:
    clock = FakeClock()
    outbox = Outbox(NodeId("one"), Reader(), clock)
    numbers = []
    for step in steps:
        clock.advance(step)
        numbers.append(outbox.next_seq())
    assert numbers == sorted(set(numbers))
