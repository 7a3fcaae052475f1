"""What messages cost each process and each engine, and how long they take."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.delivery import summary
from benchmarks.distributed.system import Costs, System, spent
from benchmarks.open_loop import Load, OpenLoop, Outcome
from benchmarks.table import Row, figure
from benchmarks.targets import close_all

WARM_UP_S = 6.0
"""Longer than the two sweeps that follow a socket's join."""
OURS = ("chat", "match", "user", "uploader", "web")
HEADER = (
    "msg/s", "run", "p50 ms", "p99 ms", "ack p50 ms", "ack p99 ms",
    "chat", "all of ours", "engines, nginx", "whole", "whole less idle",
    "lost", "twice", "misplaced", "refused", "sent late p99 ms",
)  # fmt: skip


@dataclass(frozen=True)
class Measurement:
    """One load. `costs`: CPU-seconds of each process for 100,000 messages."""

    load: Load
    outcome: Outcome
    costs: Costs

    def cost_of(self, *services: str) -> float:
        """Of all processes of some services, or of everything where none is named."""
        return sum(cost for name, cost in self.costs.items() if not services or name.rsplit("-", 1)[0] in services)

    @property
    def whole(self) -> float:
        return self.cost_of()


async def measure(system: System, load: Load, pairs: int, warm_up_s: float = WARM_UP_S) -> Measurement:
    """Load new pairs, after a warm-up that does not count."""
    connected = await system.pairs(pairs)
    warm_up = Load(load.rate, warm_up_s, load.payload_bytes)
    await OpenLoop(connected, warm_up).run()
    before = system.costs()
    outcome = await OpenLoop(connected, load, first=warm_up.messages).run()
    used = spent(before, system.costs())
    await close_all(connected)
    return Measurement(load, outcome, {name: 100_000 * cpu_s / load.messages for name, cpu_s in used.items()})


async def measure_idle(system: System, pairs: int, seconds: float, settle_s: float = WARM_UP_S) -> Costs:
    """CPU-seconds that each process takes in a second while as many pairs are connected and silent."""
    connected = await system.pairs(pairs)
    await asyncio.sleep(settle_s)
    before, began = system.costs(), time.perf_counter()
    await asyncio.sleep(seconds)
    lasted = time.perf_counter() - began
    used = spent(before, system.costs())
    await close_all(connected)
    return {name: cpu_s / lasted for name, cpu_s in used.items()}


def rows(measured: Sequence[Measurement], idle: Costs) -> list[Row]:
    """The runs at one rate, and below them their medians."""
    table = [_row(one, str(number + 1), idle) for number, one in enumerate(measured)]
    if len(measured) > 1:
        wholes = [one.whole for one in measured]
        spread = f"median ({figure(min(wholes))}-{figure(max(wholes))})"
        table.append(_row(middle_of(measured), f"**{spread}**", idle))
    return table


def middle_of(measured: Sequence[Measurement]) -> Measurement:
    """Of runs at one rate: times and costs by their medians, faults by their sum."""
    costs = {name: median(one.costs[name] for one in measured) for name in measured[0].costs}
    return Measurement(measured[0].load, summary([one.outcome for one in measured]), costs)


def _row(one: Measurement, run: str, idle: Costs) -> Row:
    seen, rate = one.outcome, one.load.rate
    ours = one.cost_of(*OURS)
    idle_cost = 100_000 * sum(idle.values()) / rate
    times = (seen.p50_ms, seen.p99_ms, seen.ack_p50_ms, seen.ack_p99_ms)
    costs = (one.cost_of("chat"), ours, one.whole - ours, one.whole, one.whole - idle_cost)
    counts = (seen.lost, seen.doubled, seen.misplaced, seen.refused)
    return (f"{rate:.0f}", run, *map(figure, (*times, *costs)), *map(str, counts), figure(seen.generator_late_p99_ms))


def by_process(measured: Sequence[Measurement], idle: Costs) -> tuple[Row, list[Row]]:
    """One measurement a rate: what each process costs. Header and rows."""
    header = ("process", "idle: CPU ms a second", *(f"{one.load.rate:.0f}/s: CPU-s per 100k" for one in measured))
    columns: list[Callable[[str], float]] = [lambda name: 1000 * idle[name], *(one.costs.__getitem__ for one in measured)]
    table: list[Row] = [(name, *(figure(column(name)) for column in columns)) for name in idle]
    sums = (1000 * sum(idle.values()), *(one.whole for one in measured))
    return header, [*table, ("**whole**", *map(figure, sums))]
