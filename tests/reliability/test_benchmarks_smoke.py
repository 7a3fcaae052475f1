"""The benchmarks run, and their counts are clean; their times mean nothing here."""

from __future__ import annotations

from benchmarks import delivery, idle, matching
from benchmarks.open_loop import Load
from benchmarks.targets import running_randomchat, running_targets


async def test_a_small_load_is_delivered_by_both_targets() -> None:
    with running_targets() as targets:
        measured = [await delivery.measure(target, Load(rate=100, seconds=0.5), pairs=2) for target in targets]
    assert [one.target for one in measured] == ["bare relay", "randomchat"]
    for one in measured:
        seen = one.outcome
        assert (seen.sent, seen.lost, seen.doubled, seen.misplaced, seen.refused) == (50, 0, 0, 0, 0)


async def test_a_small_crowd_is_paired_and_small_idle_connections_are_weighed() -> None:
    with running_randomchat() as target:
        rows = await matching.matching(target, people=10, runs=1)
        assert [(row[0], row[-1]) for row in rows] == [("10", "0")]
        assert [row[:2] for row in await idle.idle([target], pairs=5, settle_s=0)] == [("randomchat", "10")]
