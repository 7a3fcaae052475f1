"""Kills the server under load, again and again, and judges what clients saw: `python -m tests.reliability.chaos`."""

from __future__ import annotations

import argparse
import asyncio
import random
import signal
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.reliability.faults import Killed
from tests.reliability.ordeal import Ordeal, Plan
from tests.reliability.report import Report
from tests.reliability.server import randomchat_server, running

KILL_EVERY_S = 15.0
FEWEST_KILLS = 10


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.reliability.chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0, help="of trouble; healing comes on top")
    parser.add_argument(
        "--seed", type=int, default=random.randrange(1_000_000), help="of the people; the server's timing is its own"
    )
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--rate", type=float, default=100.0, help="messages a second in all")
    parser.add_argument("--kills", type=int, help="one every 15 s, at least 10")
    options = parser.parse_args()
    kills = options.kills if options.kills is not None else max(FEWEST_KILLS, round(60 * options.minutes / KILL_EVERY_S))
    plan = Plan(seconds=60 * options.minutes, seed=options.seed, pairs=options.pairs, rate=options.rate, strikes=kills)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    print(
        f"seed {plan.seed}: {plan.pairs} pairs, {plan.rate:.0f} messages/s, {plan.strikes} kills in {plan.seconds:.0f} s",
        flush=True,
    )
    report = run(plan)
    print(report)
    return 0 if report.passed else 1


def run(plan: Plan) -> Report:
    """Run a plan on a server of its own."""
    with TemporaryDirectory() as folder, running(randomchat_server(Path(folder))) as server:
        report = asyncio.run(Ordeal(server, plan, [Killed(server)]).run())
        if not report.passed:
            print(server.last_words(), file=sys.stderr)
        return report


if __name__ == "__main__":
    sys.exit(main())
