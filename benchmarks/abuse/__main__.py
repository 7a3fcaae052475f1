"""`python -m benchmarks.abuse crowd|storm|flood|soak`: what a crowd, a storm, a flood and a long time cost the server."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import uvloop

from benchmarks.abuse import churn, crowd, flood, storm
from benchmarks.table import figure, markdown
from randomchat.infra.runtime import raise_file_limit
from tests.reliability.server import ServerProcess, randomchat_server, running

WARM_UP_ROUNDS = 5
"""Rounds after which all that is needed once is there."""
KEPT_BYTES = 3 * 2**20
"""What the second half of a soak may add: the store's caches and the allocator breathe, a leak does not stop there."""
SETTINGS = {
    "flood": {"RANDOMCHAT_LIMITS__ENABLED": "true", "RANDOMCHAT_LIMITS__ACCOUNTS_PER_HOUR": "1000000"},
    "soak": {"RANDOMCHAT_MATCH__RECENT_PARTNERS": "0"},  # else the last two of a round could wait for ever
}


def main() -> int:
    options = _parse(sys.argv[1:])
    raise_file_limit()
    with _server(SETTINGS.get(options.what, {})) as server:
        match options.what:
            case "crowd":
                row = uvloop.run(crowd.crowd(server, options.connections))
                print(markdown("Silent chats", crowd.HEADER, [row]))
            case "storm":
                result = uvloop.run(storm.storm(server, options.clients, options.longest_wait))
                print(markdown("Everybody comes back", storm.HEADER, [result.row()]))
                print(_bars(result.back_s))
            case "flood":
                kinds = flood.FLOODS if options.kind == "all" else (options.kind,)
                rows = [uvloop.run(flood.flood(server, kind, options.sockets, options.seconds)) for kind in kinds]
                print(markdown("Floods of frames", flood.HEADER, rows))
            case _:
                return uvloop.run(_soak(server, options.people, options.minutes))
    return 0


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.abuse", description=__doc__)
    parser.add_argument("what", choices=("crowd", "storm", "flood", "soak"))
    parser.add_argument("--connections", type=int, default=9_800, help="of a crowd")
    parser.add_argument("--clients", type=int, default=2_000, help="of a storm")
    parser.add_argument("--longest-wait", type=float, default=storm.MOST_S, help="of a client of a storm, in seconds")
    parser.add_argument("--kind", choices=(*flood.FLOODS, "all"), default="all", help="of a flood")
    parser.add_argument("--sockets", type=int, default=10, help="of a flood")
    parser.add_argument("--seconds", type=float, default=5.0, help="of a flood")
    parser.add_argument("--people", type=int, default=60, help="of a soak")
    parser.add_argument("--minutes", type=float, default=30.0, help="of a soak")
    return parser.parse_args(arguments)


@contextmanager
def _server(environment: dict[str, str]) -> Iterator[ServerProcess]:
    with TemporaryDirectory() as folder, running(randomchat_server(Path(folder), environment=environment)) as server:
        yield server


async def _soak(server: ServerProcess, people: int, minutes: float) -> int:
    """The memory of the first half's end against that of the end."""
    rounds: list[churn.Round] = []
    began, told_at = time.monotonic(), 0.0
    print(f"| {' | '.join(churn.HEADER)} |\n| --- | --- | --- | --- |")
    async for one in churn.churn(server, people):
        rounds.append(one)
        elapsed = time.monotonic() - began
        if elapsed - told_at >= min(60.0, minutes * 6):
            told_at = elapsed
            print(f"| {one.number} | {one.people} | {one.messages} | {figure(one.rss_bytes / 2**20)} MiB |", flush=True)
        if elapsed > minutes * 60 and len(rounds) >= 2 * WARM_UP_ROUNDS:
            break
    middle = rounds[len(rounds) // 2]
    added = rounds[-1].rss_bytes - middle.rss_bytes
    visits = rounds[-1].people - middle.people
    print(f"\nThe second half: {visits} visits, {figure(added / 1024)} KB more, {figure(added / visits)} bytes a visit")
    return 0 if added <= KEPT_BYTES else 1


def _bars(seconds: list[float]) -> str:
    """How many were back in each half second."""
    counts: dict[int, int] = {}
    for one in seconds:
        counts[int(one * 2)] = counts.get(int(one * 2), 0) + 1
    return "\n".join(
        f"{slot / 2:5.1f} s {counts.get(slot, 0):5d} {'#' * (counts.get(slot, 0) // 20)}" for slot in range(max(counts) + 1)
    )


if __name__ == "__main__":
    sys.exit(main())
