"""What every `Mailbox` does."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from randomchat.config import KafkaSettings
from randomchat.infra.kafka import Kafka
from randomchat.infra.mailbox import Mailbox, topic_of
from randomchat.infra.mailbox_kafka import KafkaMailbox
from randomchat.infra.mailbox_memory import MemoryBroker, MemoryMailbox
from randomchat.infra.node import new_node_id

Connect = Callable[[], Awaitable[Mailbox]]


@pytest.fixture(params=["memory", "kafka"])
async def connect(request: pytest.FixtureRequest) -> AsyncIterator[Connect]:
    """Each call gives the mailbox of one more node."""
    async with contextlib.AsyncExitStack() as stack:
        if request.param == "memory":
            yield mailboxes_in_memory(stack)
        else:
            yield mailboxes_on_kafka(stack, request.getfixturevalue("kafka_engine").settings)


def mailboxes_in_memory(stack: contextlib.AsyncExitStack) -> Connect:
    broker = MemoryBroker()

    async def connect() -> Mailbox:
        mailbox = MemoryMailbox(broker)
        stack.push_async_callback(mailbox.close)
        return mailbox

    return connect


def mailboxes_on_kafka(stack: contextlib.AsyncExitStack, settings: KafkaSettings) -> Connect:
    async def connect() -> Mailbox:
        kafka = Kafka(settings)
        await kafka.start()
        stack.push_async_callback(kafka.close)
        mailbox = KafkaMailbox(kafka)
        stack.push_async_callback(mailbox.close)
        return mailbox

    return connect


@pytest.fixture
def one() -> str:
    return topic_of("test", new_node_id("one"))


@pytest.fixture
def other() -> str:
    return topic_of("test", new_node_id("other"))


async def next_of(queue: asyncio.Queue[bytes]) -> bytes:
    return await asyncio.wait_for(queue.get(), 5)


async def test_a_post_reaches_the_reader_of_its_topic(connect: Connect, one: str) -> None:
    queue = asyncio.Queue[bytes]()
    await (await connect()).subscribe(one, queue.put_nowait)
    (await connect()).post(one, b"hello")
    assert await next_of(queue) == b"hello"


async def test_a_node_can_post_to_itself(connect: Connect, one: str) -> None:
    mailbox, queue = await connect(), asyncio.Queue[bytes]()
    await mailbox.subscribe(one, queue.put_nowait)
    mailbox.post(one, b"beat")
    assert await next_of(queue) == b"beat"


async def test_a_post_is_never_received_inside_post(connect: Connect, one: str) -> None:
    mailbox, got = await connect(), list[bytes]()
    await mailbox.subscribe(one, got.append)
    mailbox.post(one, b"later")
    assert got == []


async def test_topics_do_not_mix(connect: Connect, one: str, other: str) -> None:
    read_by_one, read_by_other = asyncio.Queue[bytes](), asyncio.Queue[bytes]()
    await (await connect()).subscribe(one, read_by_one.put_nowait)
    await (await connect()).subscribe(other, read_by_other.put_nowait)
    sender = await connect()
    sender.post(one, b"1")
    sender.post(other, b"2")
    assert (await next_of(read_by_one), await next_of(read_by_other)) == (b"1", b"2")
    assert read_by_one.empty()
    assert read_by_other.empty()


@pytest.mark.parametrize("data", [b"", b"\0\xff", b"x" * 20_000], ids=["empty", "binary", "long"])
async def test_a_post_is_any_bytes(connect: Connect, one: str, data: bytes) -> None:
    mailbox, queue = await connect(), asyncio.Queue[bytes]()
    await mailbox.subscribe(one, queue.put_nowait)
    mailbox.post(one, data)
    assert await next_of(queue) == data


async def test_posts_in_quick_succession_arrive(connect: Connect, one: str) -> None:
    mailbox, queue = await connect(), asyncio.Queue[bytes]()
    await mailbox.subscribe(one, queue.put_nowait)
    sent = [b"%d" % number for number in range(2000)]
    for data in sent:
        mailbox.post(one, data)
    assert [await next_of(queue) for _ in sent] == sent


async def test_a_post_to_a_topic_without_reader_raises_nothing(connect: Connect) -> None:
    (await connect()).post(topic_of("test", new_node_id("nobody")), b"lost")


async def test_a_closed_mailbox_receives_nothing(connect: Connect, one: str, other: str) -> None:
    reader, got = await connect(), list[bytes]()
    await reader.subscribe(one, got.append)
    await reader.close()
    witness, queue = await connect(), asyncio.Queue[bytes]()
    await witness.subscribe(other, queue.put_nowait)
    sender = await connect()
    sender.post(one, b"late")
    sender.post(other, b"done")
    await next_of(queue)
    assert got == []
