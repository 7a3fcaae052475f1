"""How fast a crowd that asks at the same moment is paired."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.people import Partner, Person, Search, ask, create_people, open_searches
from benchmarks.table import Row, figure
from benchmarks.targets import RandomchatTarget
from benchmarks.wire import Socket

HEADER = ("people", "run", "seconds", "pairs/s", "server CPU-s", "not in exactly one pair")


async def matching(target: RandomchatTarget, people: int, runs: int) -> list[Row]:
    """From the first question to the last result; the upgrades of all connections are part of it."""
    rows: list[Row] = []
    for run in range(runs):
        crowd = await create_people(target.server.port, people)
        cpu_before = target.server.cpu_seconds()
        rush = await match_all([target.server.port], crowd)
        cpu_s = target.server.cpu_seconds() - cpu_before
        rows.append((str(people), str(run + 1), figure(rush.seconds), figure(rush.pairs_per_s), figure(cpu_s), str(rush.faults)))
    return rows


@dataclass(frozen=True)
class Rush:
    """How long it took to pair a crowd. `faults`: who is not in exactly one pair."""

    people: int
    seconds: float
    faults: int

    @property
    def pairs_per_s(self) -> float:
        return self.people / 2 / self.seconds


async def match_all(ports: Sequence[int], crowd: list[Person]) -> Rush:
    """Pair people who come in at several ports in turn."""
    searches: list[tuple[Search, Socket]] = []
    for number, port in enumerate(ports):
        searches += await open_searches(port, crowd[number :: len(ports)])
    began = time.perf_counter()
    partners = await ask(searches)
    seconds = time.perf_counter() - began
    return Rush(len(crowd), seconds, len(_odd_ones(partners)))


def _odd_ones(partners: list[Partner]) -> set[str]:
    """Who is alone in a channel, or with oneself, or with more than one other person."""
    members: dict[str, list[str]] = {}
    for partner in partners:
        members.setdefault(partner.channel_id, []).append(partner.person.user_id)
    return {user for them in members.values() if len(set(them)) != 2 or len(them) != 2 for user in them}
