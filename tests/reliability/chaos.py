"""Makes trouble for the product, again and again, under load, and judges what people saw: `python -m tests.reliability.chaos`.

It ends with 0 where every promise was kept, with 1 where one was broken, and with 2 where this machine lacks what it takes.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from cluster.parts import MissingPart
from tests.reliability.faults import Fault, Together
from tests.reliability.ordeal import Ordeal, Plan
from tests.reliability.page import write_page
from tests.reliability.report import Report
from tests.reliability.sites import Site, distributed_site, embedded_site

PROGRESS_S = 5.0
TOGETHER = 0.3
"""For each fault so many further ones, which are two at a time."""

PLANS = {
    "embedded": Plan(0, 0, pairs=12, rate=40, down_s=(0.1, 14), most_late_s=35, settle_s=150, quiet_s=22),
    "distributed": Plan(0, 0, pairs=12, rate=40, down_s=(0.5, 14), most_late_s=70, settle_s=150, quiet_s=32),
}
"""Live delivery may be late by as much as a node stands still, a line is held, or a sweep takes. The quiet at the end is longer
than a lease and the grace of presence together."""
EVERY_S = {"embedded": 12.0, "distributed": 12.0}
"""From one fault to the next, on average."""


def main() -> int:
    options = _parse()
    plan = plan_of(options.mode, 60 * options.minutes, options.seed)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    title = f"{options.mode}{', three of each engine' if options.three else ''}, {options.minutes:g} minutes, seed {plan.seed}"
    print(f"{title}: {plan.pairs} pairs, {plan.rate:.0f} messages/s, {plan.strikes} faults", flush=True)
    try:
        report, missing = run(options.mode, plan, three=options.three)
    except MissingPart as part:
        print(f"This machine lacks {part}", file=sys.stderr)
        return 2
    print(report)
    if options.report is not None:
        write_page(options.report, f"Trouble: {title}", report, missing)
        print(f"The report is in {options.report}")
    return 0 if report.passed else 1


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.reliability.chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0, help="of trouble; start and healing come on top")
    parser.add_argument(
        "--seed", type=int, default=random.randrange(1_000_000), help="of people and faults; the rest has a timing of its own"
    )
    parser.add_argument("--mode", choices=PLANS, default="embedded")
    parser.add_argument(
        "--three", action="store_true", help="three Kafka brokers and Cassandra nodes, replicas in Redis (distributed)"
    )
    parser.add_argument("--report", type=Path, help="a folder for the report and its picture")
    return parser.parse_args()


def plan_of(mode: str, seconds: float, seed: int) -> Plan:
    """What happens in so much time."""
    strikes = max(3, round(seconds / EVERY_S[mode]))
    usual = {"sleeps_per_s": 0.05, "seekers": 4, "second_tabs": 0.25, "leavers": True}
    return replace(PLANS[mode], seconds=seconds, seed=seed, strikes=strikes, **usual)  # type: ignore[arg-type]


def run(
    mode: str, plan: Plan, *, three: bool = False, only: Callable[[Fault], bool] = lambda _: True
) -> tuple[Report, list[str]]:
    """Run a plan on a site of its own. `only`: which faults. The answer is the report, and what could not be tried."""
    with TemporaryDirectory(prefix="randomchat-chaos-") as folder, _site(mode, Path(folder), three=three) as site:
        for thing in site.missing:
            print(f"MISSING: {thing}", file=sys.stderr)
        faults = with_some_together([fault for fault in site.faults() if only(fault)], random.Random(plan.seed))
        report = asyncio.run(_watched(Ordeal(site, plan, faults)))
        if not report.passed:
            print(site.last_words(), file=sys.stderr)
        return report, site.missing


def _site(mode: str, folder: Path, *, three: bool) -> AbstractContextManager[Site]:
    return embedded_site(folder) if mode == "embedded" else distributed_site(folder, three=three)


def with_some_together(faults: Sequence[Fault], rng: random.Random) -> list[Fault]:
    """All of them, and some pairs of those that strike something different, and not everything."""
    single = [fault for fault in faults if not fault.name.startswith(("all ", "every "))]
    pairs = [rng.sample(single, 2) for _ in range(round(TOGETHER * len(faults)))] if len(single) > 1 else []
    return [*faults, *(Together(pair) for pair in pairs if _victim(pair[0]) != _victim(pair[1]))]


def _victim(fault: Fault) -> str:
    """The name of a fault without its last word."""
    return fault.name.rpartition(" ")[0]


async def _watched(ordeal: Ordeal) -> Report:
    watching = asyncio.create_task(_tell(ordeal))
    try:
        return await ordeal.run()
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching


async def _tell(ordeal: Ordeal) -> None:
    while True:
        await asyncio.sleep(PROGRESS_S)
        print(ordeal.progress(), flush=True)


if __name__ == "__main__":
    sys.exit(main())
