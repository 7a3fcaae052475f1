"""What happens when one thing goes wrong, step by step, on two nodes and simulated time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from randomchat.errors import Unavailable
from randomchat.ids import ChannelId, NodeId, UserId
from randomchat.infra.mailbox import topic_of
from randomchat.infra.mailbox_memory import Weather
from randomchat.interfaces.chat import Seat
from randomchat.match.queue_memory import MemoryTicketQueue
from randomchat.match.results import Result
from randomchat.match.tickets import Ticket, Wish
from tests.simulated_time import simulate
from tests.unit.match.crowd import Person, Town, until

Scenario = Callable[[Town], Awaitable[None]]


def in_town(scenario: Scenario, queue: type[MemoryTicketQueue] = MemoryTicketQueue, nodes: int = 2, skew_s: float = 0.0) -> None:
    """`skew_s`: by how much the first node's wall clock is wrong."""

    async def live() -> None:
        town = Town(seed=1, queue=queue, nodes=nodes, skew_s=skew_s)
        await town.start()
        await scenario(town)
        await town.stop()

    simulate(live())


def told(*people: Person) -> Callable[[], bool]:
    """Whether each of them has heard of exactly one channel."""

    def all_told() -> bool:
        for person in people:
            person.hear()
        return all(len(person.told) == 1 for person in people)

    return all_told


def seconds() -> float:
    return asyncio.get_running_loop().time()


async def arrive(town: Town, node: int, wish: Wish | None = None) -> Person:
    """Somebody opens a tab on a node, and is in the queue soon after."""
    person = town.person(wish)
    person.open_tab(town.apps[node])
    await asyncio.sleep(1)
    return person


def test_people_on_two_nodes_are_paired_at_once() -> None:
    async def scenario(town: Town) -> None:
        one, other = town.person(), town.person()
        one.open_tab(town.apps[0])
        other.open_tab(town.apps[1])
        await until(told(one, other), within_s=1)
        assert one.told == other.told

    in_town(scenario)


def test_a_person_who_widens_finds_who_has_waited_all_along() -> None:
    async def scenario(town: Town) -> None:
        picky = await arrive(town, 0, Wish(frozenset({"art"}), "en"))
        easy = await arrive(town, 1)
        await until(told(picky, easy), within_s=12)
        assert seconds() >= 1010

    in_town(scenario)


def test_a_lost_post_about_the_match_is_made_good_by_the_result_store() -> None:
    async def scenario(town: Town) -> None:
        one, other = await arrive(town, 0), town.person()
        lose_what_follows_a_channel(town)
        other.open_tab(town.apps[1])
        await until(told(one, other), within_s=3)
        assert one.told == other.told

    in_town(scenario)


def test_a_match_that_all_have_forgotten_is_found_in_the_store_of_channels() -> None:
    async def scenario(town: Town) -> None:
        one, other = await arrive(town, 0), town.person()
        lose_what_follows_a_channel(town)
        town.results.put = forget  # type: ignore[method-assign]
        other.open_tab(town.apps[1])
        await until(told(one, other), within_s=6)
        assert one.told == other.told

    in_town(scenario)


def lose_what_follows_a_channel(town: Town) -> None:
    """Once a channel is made, no post arrives any more."""
    create = town.chat.create_channel

    async def create_and_lose(first: Seat, second: Seat, *, not_after_ms: int) -> ChannelId:
        channel_id = await create(first, second, not_after_ms=not_after_ms)
        town.broker.weather = Weather(lost=1)
        return channel_id

    town.chat.create_channel = create_and_lose  # type: ignore[method-assign]


async def forget(user_id: UserId, result: Result) -> None:
    return None


def test_a_dead_nodes_people_are_not_matched_and_lapse() -> None:
    async def scenario(town: Town) -> None:
        ghost = await arrive(town, 0)
        await town.apps[0].stop()  # as if killed: nobody has left the queue
        living = await arrive(town, 1)
        await asyncio.sleep(10)
        assert town.queue.waiting == 1
        later = await arrive(town, 1)
        await until(told(living, later), within_s=5)
        assert town.channels_of(ghost) == []

    in_town(scenario)


def test_the_finder_goes_on_after_a_second_of_silence() -> None:
    async def scenario(town: Town) -> None:
        silent = await arrive(town, 0)
        town.broker.pause(topic_of("match", NodeId("node-0")))
        finder = await arrive(town, 1)
        await asyncio.sleep(0.5)
        third = await arrive(town, 1)
        await until(told(finder, third), within_s=3)
        assert town.channels_of(silent) == []

    in_town(scenario)


def test_a_late_yes_frees_the_partner_at_once() -> None:
    async def scenario(town: Town) -> None:
        late = await arrive(town, 0)
        topic = topic_of("match", NodeId("node-1"))
        town.broker.pause(topic)  # its answers are held
        finder = await arrive(town, 1)
        await asyncio.sleep(1.5)
        town.broker.resume(topic)
        await until(told(late, finder), within_s=4)

    in_town(scenario)


def test_two_finders_who_keep_finding_each_other_are_paired_in_the_end() -> None:
    class RepeatingQueue(MemoryTicketQueue):
        """Whoever is taken out is back at once."""

        async def take_partner(self, finder: Ticket) -> Ticket | None:
            partner = await super().take_partner(finder)
            for ticket in (finder, partner):
                if ticket is not None:
                    self.put_back(ticket)
            return partner

    async def scenario(town: Town) -> None:
        town.distance.longest_s = 0  # both nodes are in step with each other
        one, other = town.person(), town.person()
        one.open_tab(town.apps[0])
        other.open_tab(town.apps[1])
        await until(told(one, other), within_s=2)
        assert one.told == other.told
        assert town.chat.conflicts == 0
        assert town.broker.posted < 50, "they must not ask without end"

    in_town(scenario, RepeatingQueue)


def test_an_emptied_queue_fills_again_at_the_old_places() -> None:
    async def scenario(town: Town) -> None:
        first = await arrive(town, 0, Wish(frozenset({"art"})))
        second = await arrive(town, 0, Wish(frozenset({"chess"})))
        town.queue.empty()
        await asyncio.sleep(2.5)
        finder = await arrive(town, 1, Wish(frozenset({"art", "chess"})))
        await until(told(first, finder), within_s=1)
        assert town.channels_of(second) == []

    in_town(scenario)


def test_who_loses_the_last_socket_leaves_the_queue_after_a_moment() -> None:
    async def scenario(town: Town) -> None:
        person = await arrive(town, 0)
        person.lose_tabs()
        await asyncio.sleep(3)
        assert town.queue.waiting == 0

    in_town(scenario)


def test_a_channel_that_can_not_be_made_leaves_both_waiting_until_it_can() -> None:
    async def scenario(town: Town) -> None:
        able, town.chat.create_channel = town.chat.create_channel, unable  # type: ignore[method-assign]
        one, other = await arrive(town, 0), await arrive(town, 1)
        await asyncio.sleep(30)
        assert not told(one)()
        town.chat.create_channel = able  # type: ignore[method-assign]
        await until(told(one, other), within_s=30)
        assert one.told == other.told

    in_town(scenario)


async def unable(first: Seat, second: Seat, *, not_after_ms: int) -> ChannelId:
    raise Unavailable


@pytest.mark.parametrize("last_on", [0, 1])
def test_a_tab_on_another_node_gets_the_result_too(last_on: int) -> None:
    async def scenario(town: Town) -> None:
        person = town.person()
        first, second = person.open_tab(town.apps[0]), person.open_tab(town.apps[1])
        await asyncio.sleep(1)
        partner = await arrive(town, last_on)
        await until(lambda: bool(first.results and second.results), within_s=3)
        assert told(person, partner)()

    in_town(scenario)


def test_a_tab_on_another_node_takes_the_place_over() -> None:
    async def scenario(town: Town) -> None:
        person = await arrive(town, 0)
        person.open_tab(town.apps[1])
        await asyncio.sleep(1)
        app, search, tab = person.tabs[0]
        tab.is_alive = False
        app.service.part(search, tab)
        await asyncio.sleep(5)
        assert [ticket.since_ms for ticket in town.tickets_of(person)] == [search.ticket.since_ms] * 2
        partner = await arrive(town, 0)
        await until(told(person, partner), within_s=1)

    in_town(scenario)


def test_a_node_that_takes_a_place_just_after_its_owner_was_matched_gives_that_result() -> None:
    async def scenario(town: Town) -> None:
        person = await arrive(town, 0)
        partner = await arrive(town, 0, Wish(frozenset({"art"})))
        enter = town.queue.enter

        async def enter_after_the_match(ticket: Ticket) -> Ticket:
            if ticket.node == "node-1":
                await until(told(partner))
            return await enter(ticket)

        town.queue.enter = enter_after_the_match  # type: ignore[method-assign]
        person.open_tab(town.apps[1])
        await until(told(person, partner), within_s=20)
        await until(lambda: all(tab.results for tab in person.living_tabs), within_s=3)
        assert told(person, partner)()
        assert town.queue.waiting == 0

    in_town(scenario)
