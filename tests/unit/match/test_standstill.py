"""A match node that stood still, or whose clock is wrong, believes nothing that it held for true."""

from __future__ import annotations

import asyncio

import pytest

from randomchat.errors import Unavailable
from randomchat.ids import ChannelId, NodeId, TicketId, UserId
from randomchat.infra.mailbox_memory import MemoryMailbox
from randomchat.interfaces.chat import Seat
from randomchat.match.posts import Ask, PostOffice
from randomchat.match.tickets import Wish
from tests.simulated_time import LoopClock
from tests.unit.match.crowd import Person, Town, until
from tests.unit.match.test_healing import arrive, in_town, told, unable


async def insist(town: Town, *people: Person, within_s: float) -> None:
    """As clients do: come again to the first node, whenever it has sent them away, until there is an answer."""
    all_told = told(*people)
    async with asyncio.timeout(within_s):
        while not all_told():
            for person in people:
                if not person.living_tabs and not person.told:
                    person.leave_tabs()
                    person.open_tab(town.apps[0])
            await asyncio.sleep(0.5)


@pytest.mark.parametrize("finders_node", [0, 1])
def test_nobody_is_paired_with_a_ghost_of_a_node_that_stood_still(finders_node: int) -> None:
    async def scenario(town: Town) -> None:
        ghost = await arrive(town, 0)
        town.clocks[0].suspended_s = 12
        town.person().open_tab(town.apps[finders_node])  # before the node has noticed anything
        await asyncio.sleep(2)
        assert town.chat.channels == {}
        assert ghost.tabs[0][2].close_codes == [4012]

    in_town(scenario)


def test_whoever_comes_again_after_a_standstill_is_paired() -> None:
    async def scenario(town: Town) -> None:
        person = await arrive(town, 0)
        town.clocks[0].suspended_s = 12
        partner = town.person()
        await insist(town, person, partner, within_s=5)

    in_town(scenario)


def test_a_pair_that_was_being_made_in_a_standstill_is_told_to_who_comes_again() -> None:
    async def scenario(town: Town) -> None:
        town.chat.takes_s = 2.0
        one, other = town.person(), town.person()
        for person in (one, other):
            person.open_tab(town.apps[0])
        await until(lambda: town.chat.asked > 0)
        town.clocks[0].suspended_s = 11
        await asyncio.sleep(0.5)
        for person in (one, other):
            assert person.tabs[0][2].close_codes == [4012]
            person.lose_tabs()
            person.open_tab(town.apps[1])
        await until(told(one, other), within_s=25)
        assert one.told == other.told
        assert len(town.chat.channels) == 1

    in_town(scenario)


@pytest.mark.parametrize("step_s", [-3600, 3600])
def test_a_step_of_the_wall_clock_keeps_nobody_waiting(step_s: float) -> None:
    async def scenario(town: Town) -> None:
        picky = await arrive(town, 0, Wish(frozenset({"art"})))
        for clock in (*town.clocks, town.clock, town.chat.clock):
            clock.skew_s = step_s
        partner = town.person(Wish(frozenset({"chess"})))
        await insist(town, picky, partner, within_s=12)
        assert picky.tabs[0][2].close_codes == [4012]

    in_town(scenario)


def test_no_channel_is_made_long_after_the_question_however_the_wall_clock_steps() -> None:
    async def scenario(town: Town) -> None:
        asked_at_s: list[float] = []

        async def note(first: Seat, second: Seat, *, not_after_ms: int) -> ChannelId:
            asked_at_s.append(asyncio.get_running_loop().time())
            raise Unavailable

        town.chat.create_channel = note  # type: ignore[method-assign]
        await arrive(town, 0)
        await arrive(town, 0)
        await until(lambda: bool(asked_at_s))
        town.clocks[0].skew_s = -3600
        await asyncio.sleep(30)
        assert asked_at_s[-1] - asked_at_s[0] < 11

    in_town(scenario)


@pytest.mark.parametrize(("age_s", "is_taken"), [(0, True), (5, False)])
def test_a_question_is_answered_while_somebody_waits_for_the_answer(age_s: float, is_taken: bool) -> None:  # noqa: FBT001
    async def scenario(town: Town) -> None:
        person = await arrive(town, 0)
        search = person.tabs[0][1]
        finder = PostOffice(MemoryMailbox(town.broker), NodeId("finder"), LoopClock(-age_s))
        finder.send(town.apps[0].node.id, Ask(1, NodeId("finder"), person.user_id, search.ticket.id, (), UserId(9), TicketId(9)))
        await asyncio.sleep(0.1)
        assert (search.mark is not None) == is_taken

    in_town(scenario)


def test_a_node_whose_clock_is_wrong_takes_nobody_and_says_so() -> None:
    async def scenario(town: Town) -> None:
        person = await arrive(town, 0)
        await asyncio.sleep(3)
        assert person.tabs[0][2].close_codes == [4012]
        assert "apart" in (town.apps[0].node.trouble() or "")
        assert town.apps[1].node.trouble() is None, "two of three agree"
        town.clocks[0].skew_s = 0
        await asyncio.sleep(15)
        assert town.apps[0].node.trouble() is None

    in_town(scenario, nodes=3, skew_s=60)


def test_a_pair_is_made_again_once_the_store_is_back() -> None:
    async def scenario(town: Town) -> None:
        able, town.chat.create_channel = town.chat.create_channel, unable  # type: ignore[method-assign]
        one, other = await arrive(town, 0), await arrive(town, 0)
        town.clocks[0].suspended_s = 12
        town.chat.create_channel = able  # type: ignore[method-assign]
        await insist(town, one, other, within_s=10)
        assert one.told == other.told

    in_town(scenario)
