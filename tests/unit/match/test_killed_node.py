"""A match node is killed in the middle of a pair; its people come again on the other node."""

from __future__ import annotations

import asyncio

import pytest

from randomchat.ids import NodeId, TicketId
from randomchat.infra.mailbox import topic_of
from randomchat.match.results import Result
from randomchat.match.tickets import Wish
from tests.unit.match.crowd import Person, Town, until
from tests.unit.match.test_healing import arrive, in_town, told

FINDERS, PARTNERS = 0, 1


async def begin_a_pair(town: Town, takes_s: float) -> tuple[Person, Person]:
    """A finder on the first node and a partner on the second one, whose channel is being made."""
    partner = await arrive(town, PARTNERS)
    town.chat.takes_s = takes_s
    finder = town.person()
    finder.open_tab(town.apps[FINDERS])
    await until(lambda: town.chat.asked > 0)
    return finder, partner


@pytest.mark.parametrize("away_s", [0.5, 8, 20])
def test_the_finders_node_is_killed_while_the_channel_is_made(away_s: float) -> None:
    async def scenario(town: Town) -> None:
        finder, partner = await begin_a_pair(town, takes_s=3.0)
        await town.kill(FINDERS)
        finder.lose_tabs()
        await asyncio.sleep(away_s)
        finder.open_tab(town.apps[PARTNERS])
        await until(told(finder, partner), within_s=30)
        assert finder.told == partner.told

    in_town(scenario)


@pytest.mark.parametrize("away_s", [0.5, 8, 20])
def test_the_partners_node_is_killed_while_the_channel_is_made(away_s: float) -> None:
    async def scenario(town: Town) -> None:
        finder, partner = await begin_a_pair(town, takes_s=3.0)
        await town.kill(PARTNERS)
        partner.lose_tabs()
        await asyncio.sleep(away_s)
        partner.open_tab(town.apps[FINDERS])
        await until(told(finder, partner), within_s=30)
        assert finder.told == partner.told

    in_town(scenario)


def test_the_finders_node_is_killed_before_the_channel_is_asked_for() -> None:
    async def scenario(town: Town) -> None:
        partner = await arrive(town, PARTNERS)
        town.broker.pause(topic_of("match", NodeId("node-0")))  # it never hears of the yes
        finder = town.person()
        finder.open_tab(town.apps[FINDERS])
        await asyncio.sleep(0.5)
        assert partner.tabs[0][1].mark is not None
        await town.kill(FINDERS)
        finder.lose_tabs()
        assert town.chat.asked == 0
        finder.open_tab(town.apps[PARTNERS])
        await until(told(finder, partner), within_s=30)
        assert len(town.chat.channels) == 1

    in_town(scenario)


def test_a_third_person_is_not_paired_with_who_is_in_a_pair_already() -> None:
    async def scenario(town: Town) -> None:
        finder, partner = await begin_a_pair(town, takes_s=1.0)
        await town.kill(FINDERS)
        finder.lose_tabs()
        finder.open_tab(town.apps[PARTNERS])
        third = await arrive(town, PARTNERS)
        await until(told(finder, partner), within_s=30)
        assert finder.told == partner.told
        assert len(town.chat.channels) == 1
        assert not told(third)()

    in_town(scenario)


def test_an_old_place_of_a_person_who_talks_already_is_no_result() -> None:
    async def scenario(town: Town) -> None:
        one, other = await arrive(town, FINDERS), await arrive(town, FINDERS)
        old = one.tabs[0][1].ticket
        await until(told(one, other))
        (channel,) = one.told
        town.chat.joined.add((channel, one.user_id))
        await town.queue.enter(old)  # as a fail-over to an older copy brings it back
        one.lose_tabs()
        tab = one.open_tab(town.apps[PARTNERS])
        await asyncio.sleep(12)
        assert tab.results == [], "who asks while in a channel looks for somebody else"
        third = await arrive(town, PARTNERS)
        await until(lambda: bool(tab.results and third.living_tabs[0].results), within_s=3)

    in_town(scenario)


def test_who_waits_finds_a_result_that_comes_from_elsewhere() -> None:
    async def scenario(town: Town) -> None:
        person, stranger = await arrive(town, 0, Wish(frozenset({"art"}))), town.person()
        channel = await town.chat.pair(person.user_id, stranger.user_id)
        await town.results.put(person.user_id, Result(TicketId(5), channel))
        await until(told(person), within_s=11)
        assert person.told == {channel}

    in_town(scenario)


@pytest.mark.parametrize("forgets", [False, True])
def test_people_are_paired_once_the_stores_are_back_after_half_a_minute(forgets: bool) -> None:  # noqa: FBT001
    async def scenario(town: Town) -> None:
        early = await arrive(town, 0)
        town.distance.away = True
        late = await arrive(town, 1)
        await asyncio.sleep(30)
        assert town.chat.channels == {}
        if forgets:
            town.queue.empty()
            town.results.empty()
        town.distance.away = False
        await until(told(early, late), within_s=4)
        assert early.told == late.told

    in_town(scenario)
