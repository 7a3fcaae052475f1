"""`python -m benchmarks.distributed`: measure everything; `... delivery|counts|idle|matching`: one thing, with options."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from dataclasses import astuple

import uvloop

from benchmarks.distributed import crowds, delivery
from benchmarks.distributed.counters import Counters, Counts
from benchmarks.distributed.system import System, running_engines, running_system
from benchmarks.open_loop import Load
from benchmarks.table import Row, markdown
from benchmarks.targets import close_all
from cluster.trial import teller

RATES = (200.0, 500.0, 1000.0, 2000.0)
SLOPE = (100.0, 500.0)
IDLE_S = 20.0
COUNTED = ("chat nodes", "Cassandra writes", "Cassandra statements", "Kafka records", "Redis commands", "gRPC calls", "faults")


def main() -> None:
    options = _parse(sys.argv[1:])
    print(
        f"# All services and engines on {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"{platform.system()} {platform.release()}\n"
    )
    with running_engines(teller(), options.commitlog) as engines:
        for copies in options.copies or (1, 2):
            with running_system(engines, copies) as system:
                uvloop.run(_measure(system, options))


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.distributed", description=__doc__)
    parser.add_argument("what", nargs="*", help="delivery, counts, idle, matching (all of them)")
    parser.add_argument("--copies", type=int, action="append", help="processes of each service: 1, 2 (both, in turn)")
    parser.add_argument("--rate", type=float, action="append", help="messages a second in all (may be repeated)")
    parser.add_argument("--pairs", type=int, default=50, help="pairs that talk (50)")
    parser.add_argument("--silent", type=int, help="pairs that are silent (1000)")
    parser.add_argument("--seconds", type=float, help="length of one load (20)")
    parser.add_argument("--payload", type=int, default=100, help="bytes of one message")
    parser.add_argument("--commitlog", choices=("periodic", "batch"), default="periodic", help="of Cassandra (periodic)")
    parser.add_argument("--people", type=int, help="people who look for a partner at once (1000)")
    parser.add_argument("--runs", type=int, help="how often each rate is measured (3)")
    parser.add_argument("--quick", action="store_true", help="small and short, to see that it works")
    options = parser.parse_args(arguments)
    options.what = options.what or ["counts", "delivery", "matching", "idle"]
    options.rate = options.rate or (RATES[:2] if options.quick else RATES)
    options.seconds = options.seconds or (3.0 if options.quick else 20.0)
    options.runs = options.runs or (1 if options.quick else 3)
    options.people = options.people or (100 if options.quick else 1000)
    options.silent = options.silent or (100 if options.quick else 1000)
    return options


async def _measure(system: System, options: argparse.Namespace) -> None:
    measure = {"delivery": _delivery, "counts": _counts, "idle": _idle, "matching": _matching}
    for what in options.what:
        await measure[what](system, options)


async def _delivery(system: System, options: argparse.Namespace) -> None:
    """The rates in turn, so many times, so that a busy moment of the machine does not meet all runs of one rate."""
    idle = await delivery.measure_idle(system, options.pairs, min(options.seconds, IDLE_S))
    loads = [Load(rate, options.seconds, options.payload) for rate in options.rate]
    turns = [[await delivery.measure(system, load, options.pairs) for load in loads] for _ in range(options.runs)]
    by_rate = list(zip(*turns, strict=True))
    title = f"{system.chat_nodes} chat node(s), {options.pairs} pairs, {options.payload} B, {options.seconds:.0f} s"
    rows = [row for measured in by_rate for row in delivery.rows(measured, idle)]
    _print(f"Delivery: {title}; CPU-s per 100k", delivery.HEADER, rows)
    header, rows = delivery.by_process([delivery.middle_of(measured) for measured in by_rate], idle)
    _print(f"Cost of each process: {title}", header, rows)


async def _counts(system: System, options: argparse.Namespace) -> None:
    engines = system.engines
    counters = Counters(engines.cassandra, engines.kafka, engines.redis, system.services)
    swept = counters.count_sweeps()
    pairs = await system.pairs(options.pairs)
    await counters.wait_for_sweeps(swept + 2 * options.pairs * system.chat_nodes)
    counts, seen = await counters.per_message(pairs, SLOPE, options.seconds)
    await close_all(pairs)
    faults = sum(one.faults for one in seen)
    title = f"Requests for one message more, between {SLOPE[0]:.0f} and {SLOPE[1]:.0f}/s"
    _print(title, COUNTED, [(str(system.chat_nodes), *_figures(counts), str(faults))])


def _figures(counts: Counts) -> tuple[str, ...]:
    return tuple(f"{count:.4f}" for count in astuple(counts))


async def _idle(system: System, options: argparse.Namespace) -> None:
    rows = await crowds.idle(system, options.silent, delivery.WARM_UP_S)
    _print("Memory of silent connections", crowds.IDLE_HEADER, rows)


async def _matching(system: System, options: argparse.Namespace) -> None:
    rows = await crowds.matching(system, options.people, options.runs)
    _print(f"Matching: {len(system.ports_of('match'))} match node(s)", crowds.MATCHING_HEADER, rows)


def _print(title: str, header: Row, rows: list[Row]) -> None:
    print(markdown(title, header, rows), flush=True)


if __name__ == "__main__":
    main()
