"""The hostile side of the memory mailbox; what every mailbox does is tested in tests/ports."""

from __future__ import annotations

import asyncio

from randomchat.infra.mailbox_memory import MemoryBroker, MemoryMailbox, Weather
from tests.simulated_time import simulate


async def received(weather: Weather | None, posts: int) -> tuple[list[int], MemoryBroker]:
    """What arrives of numbered posts, one each second, within a minute after the last."""
    broker, got = MemoryBroker(weather), list[int]()
    mailbox = MemoryMailbox(broker)
    await mailbox.subscribe("topic", lambda data: got.append(int(data)))
    for number in range(posts):
        mailbox.post("topic", b"%d" % number)
        await asyncio.sleep(1)
    await asyncio.sleep(60)
    return got, broker


def test_good_weather_delivers_all_in_order() -> None:
    got, broker = simulate(received(None, 50))
    assert got == list(range(50))
    assert (broker.posted, broker.lost) == (50, 0)


def test_the_default_weather_is_good() -> None:
    got, _ = simulate(received(Weather(seed=5), 50))
    assert got == list(range(50))


def test_lost_posts_are_counted() -> None:
    got, broker = simulate(received(Weather(seed=1, lost=0.5), 100))
    assert 20 < len(got) < 80
    assert broker.lost == 100 - len(got)


def test_posts_can_arrive_twice() -> None:
    got, _ = simulate(received(Weather(seed=1, twice=1), 10))
    assert sorted(got) == sorted(2 * list(range(10)))


def test_late_posts_are_overtaken() -> None:
    got, _ = simulate(received(Weather(seed=1, late=0.5, delay_s=(2, 10)), 50))
    assert got != sorted(got)
    assert sorted(got) == list(range(50))


def test_the_same_seed_gives_the_same_misfortunes() -> None:
    weather = Weather(seed=3, lost=0.2, twice=0.2, late=0.5, delay_s=(0, 5))
    assert simulate(received(weather, 50))[0] == simulate(received(weather, 50))[0]
    assert simulate(received(weather, 50))[0] != simulate(received(Weather(4, 0.2, 0.2, 0.5, (0, 5)), 50))[0]


async def test_a_pause_holds_posts_until_it_ends() -> None:
    broker, got = MemoryBroker(), list[bytes]()
    mailbox = MemoryMailbox(broker)
    await mailbox.subscribe("topic", got.append)
    broker.pause()
    mailbox.post("topic", b"1")
    mailbox.post("topic", b"2")
    await asyncio.sleep(0)
    assert got == []
    broker.resume()
    await asyncio.sleep(0)
    assert got == [b"1", b"2"]


async def test_the_pause_of_one_topic_leaves_the_others_alone() -> None:
    broker, got = MemoryBroker(), list[bytes]()
    mailbox = MemoryMailbox(broker)
    await mailbox.subscribe("one", got.append)
    await mailbox.subscribe("other", got.append)
    broker.pause("one")
    mailbox.post("one", b"1")
    mailbox.post("other", b"2")
    await asyncio.sleep(0)
    assert got == [b"2"]
    broker.resume("one")
    await asyncio.sleep(0)
    assert got == [b"2", b"1"]


async def test_a_post_that_nobody_reads_is_lost_and_counted() -> None:
    broker = MemoryBroker()
    MemoryMailbox(broker).post("nobody", b"x")
    await asyncio.sleep(0)
    assert (broker.posted, broker.lost) == (1, 1)
