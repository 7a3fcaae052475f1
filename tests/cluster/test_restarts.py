"""Each process goes away and comes back under load; and what is left of one that does not."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from cluster.engines.redis import RedisEngine
from cluster.services import ServiceProcess
from tests.cluster.people import pair, until_action
from tests.cluster.redis_contents import nodes_with_lease, times_to_live, until_waiting
from tests.deployment import DistributedServer
from tests.e2e.stranger import Stranger
from tests.reliability.faults import Fault, Frozen, Killed, Restarted
from tests.reliability.ordeal import Ordeal, Plan

PLAN = Plan(seconds=0, seed=2, pairs=5, rate=50, strikes=10, down_s=(0, 0.5), waits=1, quiet_s=4)
BACK_S = 5.0
LEASE_ENDS_S = 10.0
"""A lease of 5 s, and room for a busy machine."""
PLACE_ENDS_S = 15.0
"""Twice a lease of 6 s, after which nobody is left who would tidy up the queue; and the same room."""


def alternating(processes: list[ServiceProcess]) -> list[Fault]:
    """Of two processes of a service one is restarted, and the other one killed."""
    return [(Restarted, Killed)[number % 2](process) for number, process in enumerate(processes)]


@pytest.mark.timeout(240)
async def test_nothing_is_lost_while_every_process_is_restarted_or_killed(site: DistributedServer) -> None:
    report = await Ordeal(site, PLAN, alternating(site.services.all)).run()
    assert report.passed, str(report)
    assert len(report.strikes) == len(site.services.all)
    assert report.worst_outage_s < BACK_S, str(report)


@pytest.mark.slow
async def test_nothing_is_lost_when_a_chat_process_stands_still_for_12_s(site: DistributedServer) -> None:
    """Whoever is connected to it waits; it must not hand out what it knew before."""
    plan = replace(PLAN, strikes=1, down_s=(12, 12), most_late_s=18)
    report = await Ordeal(site, plan, [Frozen(site.services.processes["chat"][0])]).run()
    assert report.passed, str(report)


async def test_a_killed_chat_process_leaves_no_ghost(site: DistributedServer, redis_engine: RedisEngine) -> None:
    killed, other = site.services.processes["chat"]
    async with pair(site.address, killed, other) as two:
        killed.kill()
        await until_action(two.of_ben, "reconnecting", LEASE_ENDS_S)
        online = (await two.ben.ask("GET", "/api/chat/users/online")).json()
        assert online == {"user_ids": [two.ben.id]}
        assert nodes_with_lease(redis_engine, "chat") == {other.name}


async def test_a_killed_match_process_leaves_nobody_in_the_queue_who_is_not_there(
    site: DistributedServer, redis_engine: RedisEngine
) -> None:
    killed, other = site.services.processes["match"]
    people = [Stranger(site.address, name) for name in ("Ghost", "Ada", "Ben")]
    for person in people:
        await person.sign_up()
    ghost, ada, ben = people
    ghost.address, ada.address, ben.address = killed.address, other.address, other.address
    haunting = asyncio.create_task(ghost.find_partner())
    await until_waiting(redis_engine, ghost.id, 5)
    killed.kill()
    await asyncio.gather(haunting, return_exceptions=True)
    await asyncio.gather(ada.find_partner(), ben.find_partner())
    assert ada.channel_id == ben.channel_id
    assert not ghost.channel_id
    await until_waiting(redis_engine, ghost.id, PLACE_ENDS_S, waits=False)


async def test_every_key_in_redis_ends_by_itself(site: DistributedServer, redis_engine: RedisEngine) -> None:
    chats = site.services.processes["chat"]
    async with pair(site.address, chats[0], chats[1]):
        keys = times_to_live(redis_engine)
    assert len(keys) > 4
    assert [key for key, seconds in keys.items() if seconds == -1] == []
