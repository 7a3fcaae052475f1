"""Members on different chat processes, and tickets on different match processes."""

from __future__ import annotations

import asyncio

from tests.cluster.people import apart, find_each_other
from tests.deployment import DistributedServer
from tests.e2e.stranger import Stranger
from tests.reliability.ordeal import Ordeal, Plan

PLAN = Plan(seconds=6, seed=1, pairs=6, rate=50, quiet_s=2)
AT_ONCE_S = 0.5
"""Far less than a sweep takes."""


async def test_members_on_different_chat_processes_have_the_same_conversation_at_once(site: DistributedServer) -> None:
    report = await Ordeal(site, PLAN, people=apart(site.services)).endure(lambda: asyncio.sleep(PLAN.seconds))
    assert report.passed, str(report)
    late = sorted(report.late_s)
    assert late[len(late) // 2] < AT_ONCE_S, str(report)


async def test_people_at_different_match_processes_are_paired(site: DistributedServer) -> None:
    matchers = site.services.processes["match"]
    for _ in range(3):
        ada, ben = Stranger(site.address, "Ada"), Stranger(site.address, "Ben")
        await asyncio.gather(ada.sign_up(), ben.sign_up())
        await find_each_other(ada, ben, (matchers[0], matchers[1]))
        assert ada.channel_id == ben.channel_id
        assert ada.token != ben.token
