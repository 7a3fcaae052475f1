"""`python -m benchmarks`: measure everything; `python -m benchmarks delivery|idle|matching`: one thing, with options."""

from __future__ import annotations

import argparse
import os
import platform
import sys

import uvloop

from benchmarks import delivery, idle, matching
from benchmarks.open_loop import Load
from benchmarks.table import markdown
from benchmarks.targets import running_randomchat, running_targets

ALL_RATES = (1000.0, 2000.0)


def main() -> None:
    options = _parse(sys.argv[1:])
    print(
        f"# randomchat on {os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()} {platform.release()}\n"
    )
    if options.what in {"all", "delivery"}:
        for rate in options.rate or ALL_RATES:
            _delivery(rate, options)
    if options.what in {"all", "idle"}:
        _idle(options)
    if options.what in {"all", "matching"}:
        _matching(options)


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("what", nargs="?", choices=("all", "delivery", "idle", "matching"), default="all")
    parser.add_argument("--rate", type=float, action="append", help="messages a second in all (may be repeated)")
    parser.add_argument("--pairs", type=int, help="pairs that talk (100), or that are silent (1000)")
    parser.add_argument("--seconds", type=float, help="length of one load (20)")
    parser.add_argument("--payload", type=int, default=100, help="bytes of one message")
    parser.add_argument("--people", type=int, help="people who look for a partner at once (1000)")
    parser.add_argument("--runs", type=int, help="how often each target is loaded (3)")
    parser.add_argument("--quick", action="store_true", help="small and short, to see that it works")
    options = parser.parse_args(arguments)
    options.seconds = options.seconds or (3.0 if options.quick else 20.0)
    options.runs = options.runs or (1 if options.quick else 3)
    options.people = options.people or (100 if options.quick else 1000)
    options.settle_s = 1.0 if options.quick else 7.0
    return options


def _delivery(rate: float, options: argparse.Namespace) -> None:
    pairs = options.pairs or (20 if options.quick else 100)
    load = Load(rate, options.seconds, options.payload)
    with running_targets() as targets:
        rows = uvloop.run(delivery.delivery(targets, load, pairs, options.runs))
    title = f"Delivery: {pairs} pairs, {load.payload_bytes} B, {load.seconds:.0f} s"
    print(markdown(title, delivery.HEADER, rows), flush=True)


def _idle(options: argparse.Namespace) -> None:
    pairs = options.pairs or (100 if options.quick else 1000)
    with running_targets() as targets:
        rows = uvloop.run(idle.idle(targets, pairs, options.settle_s))
    print(markdown("Memory of silent connections", idle.HEADER, rows), flush=True)


def _matching(options: argparse.Namespace) -> None:
    with running_randomchat() as target:
        rows = uvloop.run(matching.matching(target, options.people, options.runs))
    print(markdown("Matching", matching.HEADER, rows), flush=True)


if __name__ == "__main__":
    main()
