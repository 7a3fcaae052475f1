"""How fast people are paired by several match nodes, and what a silent connection weighs."""

from __future__ import annotations

import asyncio

from benchmarks.distributed.system import System, spent
from benchmarks.matching import match_all
from benchmarks.people import create_people
from benchmarks.table import Row, figure
from benchmarks.targets import close_all

MATCHING_HEADER = ("people", "run", "seconds", "pairs/s", "CPU-s of all", "not in exactly one pair")
IDLE_HEADER = ("connections", "chat nodes", "KB a connection")
FIRST_SHARE = 4


async def matching(system: System, people: int, runs: int) -> list[Row]:
    """Everybody asks at once, at the match nodes in turn, from the first question to the last result."""
    rows: list[Row] = []
    for run in range(runs):
        crowd = await create_people(system.front_port, people)
        before = system.costs()
        rush = await match_all(system.ports_of("match"), crowd)
        cpu_s = sum(spent(before, system.costs()).values())
        rows.append((str(people), str(run + 1), figure(rush.seconds), figure(rush.pairs_per_s), figure(cpu_s), str(rush.faults)))
    return rows


async def idle(system: System, pairs: int, settle_s: float) -> list[Row]:
    """What the connections after the first quarter, which pays for what is needed once, add to the chat nodes."""
    doors = await system.doors(pairs)
    share = max(1, pairs // FIRST_SHARE)
    connected = await system.connect(doors[:share])
    await asyncio.sleep(settle_s)
    before = sum(system.weights("chat"))
    connected += await system.connect(doors[share:])
    await asyncio.sleep(settle_s)
    added = sum(system.weights("chat")) - before
    await close_all(connected)
    return [(str(2 * pairs), str(system.chat_nodes), figure(added / 1024 / (2 * (pairs - share))))]
