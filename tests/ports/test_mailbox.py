"""What every `Mailbox` does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from randomchat.ids import NodeId
from randomchat.infra.mailbox import Mailbox, topic_of
from randomchat.infra.mailbox_memory import MemoryBroker, MemoryMailbox

ONE, OTHER = topic_of("test", NodeId("one")), topic_of("test", NodeId("other"))
Connect = Callable[[], Mailbox]


@pytest.fixture(params=["memory"])
def connect() -> Connect:
    """Each call gives the mailbox of one more node."""
    broker = MemoryBroker()
    return lambda: MemoryMailbox(broker)


async def next_of(queue: asyncio.Queue[bytes]) -> bytes:
    return await asyncio.wait_for(queue.get(), 5)


async def test_a_post_reaches_the_reader_of_its_topic(connect: Connect) -> None:
    queue = asyncio.Queue[bytes]()
    await connect().subscribe(ONE, queue.put_nowait)
    connect().post(ONE, b"hello")
    assert await next_of(queue) == b"hello"


async def test_a_node_can_post_to_itself(connect: Connect) -> None:
    mailbox, queue = connect(), asyncio.Queue[bytes]()
    await mailbox.subscribe(ONE, queue.put_nowait)
    mailbox.post(ONE, b"beat")
    assert await next_of(queue) == b"beat"


async def test_a_post_is_never_received_inside_post(connect: Connect) -> None:
    mailbox, got = connect(), list[bytes]()
    await mailbox.subscribe(ONE, got.append)
    mailbox.post(ONE, b"later")
    assert got == []


async def test_topics_do_not_mix(connect: Connect) -> None:
    one, other = asyncio.Queue[bytes](), asyncio.Queue[bytes]()
    await connect().subscribe(ONE, one.put_nowait)
    await connect().subscribe(OTHER, other.put_nowait)
    sender = connect()
    sender.post(ONE, b"1")
    sender.post(OTHER, b"2")
    assert (await next_of(one), await next_of(other)) == (b"1", b"2")
    assert one.empty()
    assert other.empty()


async def test_a_post_to_a_topic_without_reader_raises_nothing(connect: Connect) -> None:
    connect().post(topic_of("test", NodeId("nobody")), b"lost")


async def test_a_closed_mailbox_receives_nothing(connect: Connect) -> None:
    reader, got = connect(), list[bytes]()
    await reader.subscribe(ONE, got.append)
    await reader.close()
    witness, queue = connect(), asyncio.Queue[bytes]()
    await witness.subscribe(OTHER, queue.put_nowait)
    sender = connect()
    sender.post(ONE, b"late")
    sender.post(OTHER, b"done")
    await next_of(queue)
    assert got == []
