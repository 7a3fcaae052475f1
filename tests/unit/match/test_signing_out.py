"""Whoever signs out while waiting meets nobody any more, and that costs no look at the session while nobody is there."""

from __future__ import annotations

import asyncio

import pytest

from tests.unit.match.crowd import Town, until
from tests.unit.match.test_healing import arrive, in_town, told


@pytest.mark.parametrize("partners_node", [0, 1])
def test_whoever_signs_out_while_waiting_is_not_paired(partners_node: int) -> None:
    async def scenario(town: Town) -> None:
        leaver = await arrive(town, 0)
        leaver.living_tabs[0].signed_out = True
        finder = await arrive(town, partners_node)
        await asyncio.sleep(3)
        assert town.chat.channels == {}
        assert leaver.tabs[0][2].close_codes == [4501]
        third = await arrive(town, 0)
        await until(told(finder, third), within_s=3)

    in_town(scenario)


@pytest.mark.parametrize("partners_node", [0, 1])
def test_whoever_signs_out_while_finding_a_partner_is_not_paired(partners_node: int) -> None:
    async def scenario(town: Town) -> None:
        partner = await arrive(town, partners_node)
        leaver = town.person()
        leaver.open_tab(town.apps[0]).signed_out = True
        await asyncio.sleep(3)
        assert town.chat.channels == {}
        assert leaver.tabs[0][2].close_codes == [4501]
        third = await arrive(town, 0)
        await until(told(partner, third), within_s=3)

    in_town(scenario)


def test_a_person_who_is_signed_in_elsewhere_is_paired_there() -> None:
    async def scenario(town: Town) -> None:
        person = await arrive(town, 0)
        person.living_tabs[0].signed_out = True
        second = person.open_tab(town.apps[0])
        await asyncio.sleep(1)
        partner = await arrive(town, 1)
        await until(told(person, partner), within_s=3)
        assert len(second.results) == 1

    in_town(scenario)


def test_a_session_is_looked_at_once_for_a_pair_and_never_before() -> None:
    async def scenario(town: Town) -> None:
        one = await arrive(town, 0)
        await asyncio.sleep(60)
        assert one.living_tabs[0].session_checks == 0
        other = await arrive(town, 1)
        await until(told(one, other), within_s=3)
        assert [person.tabs[0][2].session_checks for person in (one, other)] == [1, 1]

    in_town(scenario)
