"""Cost and latency of messages, beside those of the bare relay in the same run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.open_loop import Load, OpenLoop, Outcome
from benchmarks.table import Row, figure
from benchmarks.targets import Target, close_all

WARM_UP_S = 2.0
HEADER = (
    "target", "run", "msg/s", "p50 ms", "p99 ms", "CPU-s per 100k", "lost", "twice", "misplaced", "refused", "sent late p99 ms",
)  # fmt: skip


@dataclass(frozen=True)
class Measurement:
    """One load on one target."""

    target: str
    outcome: Outcome
    cpu_s_per_100k: float


async def measure(target: Target, load: Load, pairs: int) -> Measurement:
    """Load new pairs, after a short warm-up that is not counted."""
    connected = await target.connect(await target.doors(pairs))
    warm_up = Load(load.rate, min(WARM_UP_S, load.seconds), load.payload_bytes)
    await OpenLoop(connected, warm_up).run()
    before = target.server.cpu_seconds()
    outcome = await OpenLoop(connected, load, first=warm_up.messages).run()
    cpu_s = target.server.cpu_seconds() - before
    await close_all(connected)
    return Measurement(target.name, outcome, 100_000 * cpu_s / load.messages)


async def delivery(targets: list[Target], load: Load, pairs: int, runs: int) -> list[Row]:
    """The targets in turn, so many times; below, what counts: the medians, and the median of the ratios run by run."""
    rows, turns = [], []
    for run in range(runs):
        turn = [await measure(target, load, pairs) for target in targets]
        rows += [_row(measured, str(run + 1), load) for measured in turn]
        turns.append(turn)
    for position, target in enumerate(targets if runs > 1 else []):
        of_target = [turn[position] for turn in turns]
        rows.append(_median(target.name, of_target, load))
    costs = [turn[-1].cpu_s_per_100k / turn[0].cpu_s_per_100k for turn in turns if turn[0].cpu_s_per_100k]
    if len(targets) > 1 and costs:
        ratio = f"**x {median(costs):.2f}**"
        rows.append((f"{targets[-1].name} / {targets[0].name}", "median", "", "", "", ratio, "", "", "", "", ""))
    return rows


def _row(measured: Measurement, run: str, load: Load) -> Row:
    seen = measured.outcome
    times = (figure(seen.p50_ms), figure(seen.p99_ms), figure(measured.cpu_s_per_100k))
    counts = tuple(str(count) for count in (seen.lost, seen.doubled, seen.misplaced, seen.refused))
    return (measured.target, run, f"{load.rate:.0f}", *times, *counts, figure(seen.generator_late_p99_ms))


def _median(name: str, all_of: list[Measurement], load: Load) -> Row:
    seen = [measured.outcome for measured in all_of]
    cost = median(one.cpu_s_per_100k for one in all_of)
    return _row(Measurement(f"**{name}**", summary(seen), cost), "median", load)


def summary(seen: Sequence[Outcome]) -> Outcome:
    """Times by their median, faults by their sum."""
    return Outcome(
        sent=sum(one.sent for one in seen),
        lost=sum(one.lost for one in seen),
        doubled=sum(one.doubled for one in seen),
        misplaced=sum(one.misplaced for one in seen),
        refused=sum(one.refused for one in seen),
        p50_ms=median(one.p50_ms for one in seen),
        p99_ms=median(one.p99_ms for one in seen),
        ack_p50_ms=median(one.ack_p50_ms for one in seen),
        ack_p99_ms=median(one.ack_p99_ms for one in seen),
        generator_late_p99_ms=median(one.generator_late_p99_ms for one in seen),
    )
