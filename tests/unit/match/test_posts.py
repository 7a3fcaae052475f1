"""The posts between match nodes."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from randomchat.ids import ChannelId, NodeId, TicketId, UserId
from randomchat.infra.mailbox import topic_of
from randomchat.infra.mailbox_memory import MemoryBroker, MemoryMailbox
from randomchat.match.posts import VERSION, Answer, Ask, Beat, Letter, Matched, Post, PostOffice, Released
from tests.fakes import START_WALL_MS, FakeClock

HERE, THERE = NodeId("here"), NodeId("there")
POSTS: list[Post] = [
    Beat(),
    Ask(1, HERE, UserId(2), TicketId(3), ("art", "music"), UserId(5), TicketId(6)),
    Answer(1, yes=True),
    Released(1, UserId(2)),
    Matched(UserId(2), TicketId(3), ChannelId(4), ()),
]


@pytest.mark.parametrize("post", POSTS)
async def test_a_post_arrives_as_it_was_sent(post: Post) -> None:
    broker, got = MemoryBroker(), asyncio.Queue[Letter]()
    await PostOffice(MemoryMailbox(broker), THERE, FakeClock()).open(got.put_nowait)
    PostOffice(MemoryMailbox(broker), HERE, FakeClock()).send(THERE, post)
    assert await got.get() == Letter(HERE, START_WALL_MS, post)


@pytest.mark.parametrize(
    "letter",
    [
        msgspec.msgpack.encode([VERSION + 1, "there", 5, ["ask", 1, "here", 2, 3, [], 5, 6]]),
        msgspec.msgpack.encode([VERSION, "there", 5, ["greeting", 1]]),
        msgspec.msgpack.encode([VERSION, "there", 5, ["ask", "one"]]),
        msgspec.msgpack.encode("hello"),
        b"\xc1",
        b"\x94\x01\xa1\xff\x00\x00",
        b"",
    ],
)
async def test_what_is_not_known_is_dropped_and_counted(letter: bytes) -> None:
    mailbox, got = MemoryMailbox(MemoryBroker()), asyncio.Queue[Letter]()
    office = PostOffice(mailbox, HERE, FakeClock())
    await office.open(got.put_nowait)
    mailbox.post(topic_of("match", HERE), letter)
    office.send(HERE, Answer(7, yes=False))
    assert (await got.get()).post == Answer(7, yes=False)
    assert office.unknown == 1


async def test_a_post_of_a_newer_node_may_hold_more() -> None:
    mailbox, got = MemoryMailbox(MemoryBroker()), asyncio.Queue[Letter]()
    await PostOffice(mailbox, HERE, FakeClock()).open(got.put_nowait)
    mailbox.post(topic_of("match", HERE), msgspec.msgpack.encode([VERSION, "there", 5, ["answer", 1, True, "news"], "more news"]))
    assert await got.get() == Letter(THERE, 5, Answer(1, yes=True))
