"""How fast a crowd that asks at the same moment is paired."""

from __future__ import annotations

import time

from benchmarks.people import Partner, ask, create_people, open_searches
from benchmarks.table import Row, figure
from benchmarks.targets import RandomchatTarget

HEADER = ("people", "run", "seconds", "pairs/s", "server CPU-s", "not in exactly one pair")


async def matching(target: RandomchatTarget, people: int, runs: int) -> list[Row]:
    """From the first question to the last result; the upgrades of all connections are part of it."""
    rows: list[Row] = []
    for run in range(runs):
        searches = await open_searches(target.server.port, await create_people(target.server.port, people))
        cpu_before, began = target.server.cpu_seconds(), time.perf_counter()
        partners = await ask(searches)
        seconds = time.perf_counter() - began
        cpu_s = target.server.cpu_seconds() - cpu_before
        faults = len(_odd_ones(partners))
        rows.append((str(people), str(run + 1), figure(seconds), figure(people / 2 / seconds), figure(cpu_s), str(faults)))
    return rows


def _odd_ones(partners: list[Partner]) -> set[str]:
    """Who is alone in a channel, or with oneself, or with more than one other person."""
    members: dict[str, list[str]] = {}
    for partner in partners:
        members.setdefault(partner.channel_id, []).append(partner.person.user_id)
    return {user for them in members.values() if len(set(them)) != 2 or len(them) != 2 for user in them}
