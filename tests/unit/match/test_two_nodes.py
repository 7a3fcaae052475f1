"""Two match nodes while posts are lost, late and repeated, the store of channels fails, and the queue forgets or repeats itself.

Whatever happens: nobody is in two pairs, nobody is with themselves, and all who stay get an answer.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import pytest

from randomchat.ids import ChannelId
from randomchat.infra.mailbox_memory import Weather
from randomchat.match.tickets import Wish
from tests.simulated_time import simulate
from tests.unit.match.crowd import Person, Town, until

PEOPLE = 40
ARRIVE_WITHIN_S = 30.0
TROUBLE_S = 60.0
END_S = 180.0
SEEDS = range(40)

Life = Callable[[Town, Person], Awaitable[None]]


async def run_town(seed: int, life: Life, *, bad_queue: bool) -> Town:
    """Let people live in a town: in trouble for a minute, then in peace until all is healed."""
    town = Town(seed)
    town.broker.weather = Weather(seed, lost=0.1, twice=0.1, late=0.3, delay_s=(0, 1.5))
    town.chat.trouble = True
    town.distance.trouble = bad_queue
    await town.start()
    async with asyncio.TaskGroup() as lives:
        lives.create_task(_weather_clears(town))
        if bad_queue:
            lives.create_task(_queue_fails(town))
        for _ in range(PEOPLE):
            lives.create_task(_arrive(town, life))
    judge(town)
    await town.stop()
    return town


async def _arrive(town: Town, life: Life) -> None:
    interests = frozenset(town.random.sample(["music", "art", "chess"], town.random.randint(0, 2)))
    person = town.person(Wish(interests, town.random.choice(["", "en", "de"])))
    await asyncio.sleep(town.random.uniform(0, ARRIVE_WITHIN_S))
    async with asyncio.timeout(END_S - ARRIVE_WITHIN_S):
        await life(town, person)
    await asyncio.sleep(0)


async def _weather_clears(town: Town) -> None:
    await asyncio.sleep(TROUBLE_S)
    town.broker.weather = None
    town.chat.trouble = False
    town.distance.trouble = False
    await asyncio.sleep(END_S - TROUBLE_S)


async def _queue_fails(town: Town) -> None:
    """A fail-over brings tickets back that were taken out; a restart forgets them all."""
    end = asyncio.get_running_loop().time() + TROUBLE_S
    while asyncio.get_running_loop().time() < end:
        await asyncio.sleep(town.random.uniform(0, 0.3))
        for person in town.people:
            for ticket in town.tickets_of(person)[-1:]:
                if town.random.random() < 0.2:
                    town.queue.put_back(ticket)
        if town.random.random() < 0.03:
            town.queue.empty()
            town.results.empty()


async def stay(town: Town, person: Person) -> None:
    """Wait with one tab, which may break a few times, until there is an answer; some go away before."""
    app = town.random.choice(town.apps)
    person.open_tab(app)
    for _ in range(town.random.choice([0, 0, 1, 2])):
        await asyncio.sleep(town.random.uniform(0, 10))
        if answered(person):
            return
        person.lose_tabs()
        if town.random.random() < 0.25:
            person.gone = True
            return
        await asyncio.sleep(town.random.uniform(0, 4))
        person.open_tab(app)
    await wait_for_answer(person)


async def move_about(town: Town, person: Person) -> None:
    """Open tabs on any node, lose all of them, come back; until there is an answer."""
    person.open_tab(town.random.choice(town.apps))
    for _ in range(town.random.randint(0, 3)):
        await asyncio.sleep(town.random.uniform(0, 5))
        if answered(person):
            return
        if town.random.random() < 0.5:
            person.lose_tabs()
            await asyncio.sleep(town.random.uniform(0, 3))
        person.open_tab(town.random.choice(town.apps))
    await wait_for_answer(person)


async def outlive_nodes(town: Town, person: Person) -> None:
    """Two of three nodes are killed, one after the other; each time all their people come again on another one."""
    numbers = range(len(town.apps))
    while not answered(person) and asyncio.get_running_loop().time() < 1000 + END_S - 40:
        living = [number for number in numbers if number not in town.killed]
        number = town.random.choice(living)
        person.open_tab(town.apps[number])
        with contextlib.suppress(TimeoutError):
            await until(lambda: answered(person) or number in town.killed, within_s=town.random.uniform(5, 30))  # noqa: B023
        if not answered(person):
            person.lose_tabs()
            await asyncio.sleep(town.random.uniform(0.1, 3))


async def _kill_nodes(town: Town) -> None:
    """The second one once the first is made good: until then one other node alone may know of a pair."""
    for number in (0, 1):
        await asyncio.sleep(town.random.uniform(2, 15) + 10 * number)
        await town.kill(number)


def answered(person: Person) -> bool:
    person.hear()
    return bool(person.told)


async def wait_for_answer(person: Person) -> None:
    """The last one to be left alone waits to the end, with no one to be paired with."""
    with contextlib.suppress(TimeoutError):
        await until(lambda: answered(person), within_s=END_S - ARRIVE_WITHIN_S - 40)


def judge(town: Town) -> None:
    staying = [person for person in town.people if not person.gone]
    assert town.chat.conflicts == 0, "a ticket was given to two pairs"
    for one, other in town.chat.channels.values():
        assert one.user_id != other.user_id, "somebody was paired with themselves"
    for person in staying:
        assert len(person.told) <= 1, f"{person.user_id} was told of {person.told}"
        for channel_id in person.told:
            assert person.user_id in {seat.user_id for seat in town.chat.channels[channel_id]}
    assert len([person for person in staying if not person.told]) <= 1, "people were left without an answer"


@pytest.mark.parametrize("seed", SEEDS)
def test_all_are_paired_once_whatever_the_queue_forgets_or_repeats(seed: int) -> None:
    simulate(run_town(seed, stay, bad_queue=True))


@pytest.mark.parametrize("seed", SEEDS)
def test_all_are_paired_once_though_nodes_are_killed(seed: int) -> None:
    async def live() -> None:
        town = Town(seed, nodes=3)
        town.broker.weather = Weather(seed, lost=0.1, twice=0.1, late=0.3, delay_s=(0, 1.5))
        town.chat.takes_s = town.random.uniform(0, 2)
        await town.start()
        async with asyncio.TaskGroup() as lives:
            lives.create_task(_kill_nodes(town))
            for _ in range(PEOPLE):
                lives.create_task(_arrive(town, outlive_nodes))
        judge(town)
        lonely = [pair for channel_id, pair in town.chat.channels.items() if told_of(town, channel_id) == 1]
        assert not lonely, "somebody talks to nobody"
        await town.stop()

    simulate(live())


def told_of(town: Town, channel_id: ChannelId) -> int:
    return sum(channel_id in person.told for person in town.people)


@pytest.mark.parametrize("seed", SEEDS)
def test_people_with_tabs_on_both_nodes_are_paired_once(seed: int) -> None:
    simulate(run_town(seed, move_about, bad_queue=False))
