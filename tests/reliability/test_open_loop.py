"""The load generator is tried first: it counts every fault of a line that it is given."""

from __future__ import annotations

import asyncio
import json
import time
from array import array
from collections.abc import Callable

import pytest

from benchmarks.open_loop import Load, OpenLoop, Outcome, percentile

LOAD = Load(rate=2000, seconds=0.1)
PAIRS = 4


class FaultyLine:
    """A relay in memory. `fault` gets the number of each message and says how many copies the peer gets; the sender gets one."""

    def __init__(self, fault: Callable[[int], int], delay_s: float = 0.0) -> None:
        self.on_text: Callable[[bytes], None] = lambda _: None
        self.peer: FaultyLine = self
        self._fault, self._delay_s = fault, delay_s
        self._ids = 0

    def send_text(self, text: bytes) -> None:
        sent = json.loads(text)
        number = int(sent["client_id"])
        frame = json.dumps({**sent, "message_id": str(self.place_of(number))}).encode()
        loop = asyncio.get_running_loop()
        loop.call_later(self._delay_s, self.on_text, frame)
        for _ in range(self._fault(number)):
            loop.call_later(self._delay_s, self.peer.on_text, frame)

    def place_of(self, number: int) -> int:
        return number + 1


class MisplacingLine(FaultyLine):
    """Gives one later message the smaller id."""

    def place_of(self, number: int) -> int:
        return 1 if number == 100 else number + 10


def pair_of(one: FaultyLine, other: FaultyLine) -> tuple[FaultyLine, FaultyLine]:
    one.peer, other.peer = other, one
    return one, other


async def outcome(make: Callable[[], FaultyLine], load: Load = LOAD) -> Outcome:
    pairs = [pair_of(make(), make()) for _ in range(PAIRS)]
    return await OpenLoop(pairs, load, drain_s=0.2).run()


def counts(seen: Outcome) -> tuple[int, int, int, int]:
    return seen.lost, seen.doubled, seen.misplaced, seen.refused


async def test_a_faultless_line_has_no_faults() -> None:
    seen = await outcome(lambda: FaultyLine(lambda _: 1))
    assert seen.sent == 200
    assert counts(seen) == (0, 0, 0, 0)


async def test_a_lost_copy_is_counted() -> None:
    assert counts(await outcome(lambda: FaultyLine(lambda number: number not in {7, 8, 120}))) == (3, 0, 0, 0)


async def test_a_second_copy_is_counted() -> None:
    assert counts(await outcome(lambda: FaultyLine(lambda number: 2 if number == 50 else 1))) == (0, 1, 0, 0)


async def test_a_misplaced_message_is_counted_at_both_members() -> None:
    assert counts(await outcome(lambda: MisplacingLine(lambda _: 1))) == (0, 0, 2, 0)


async def test_a_refused_message_is_counted() -> None:
    class Refusing(FaultyLine):
        def send_text(self, text: bytes) -> None:
            self.on_text(b'{"event":5,"payload":"{}"}')

    seen = await outcome(lambda: Refusing(lambda _: 0))
    assert (seen.refused, seen.lost) == (200, 400)


async def test_copies_of_an_earlier_load_do_not_count() -> None:
    line, other = pair_of(FaultyLine(lambda _: 1), FaultyLine(lambda _: 1))
    load = OpenLoop([(line, other)], LOAD, first=1000, drain_s=0.2)
    line.on_text(b'{"event":0,"payload":"0000000999...."}')
    assert counts(await load.run()) == (0, 0, 0, 0)


async def test_latency_counts_from_the_intended_time_even_where_the_generator_stood_still() -> None:
    line, other = pair_of(FaultyLine(lambda _: 1), FaultyLine(lambda _: 1))
    running = asyncio.create_task(OpenLoop([(line, other)], Load(rate=100, seconds=0.3), drain_s=0.2).run())
    asyncio.get_running_loop().call_later(0.1, time.sleep, 0.25)
    seen = await running
    assert seen.p99_ms > 150
    assert seen.generator_late_p99_ms > 150


async def test_a_delayed_line_shows_in_the_latency() -> None:
    seen = await outcome(lambda: FaultyLine(lambda _: 1, delay_s=0.05))
    assert seen.p50_ms == pytest.approx(52, abs=12)


def test_percentiles_are_values_that_were_measured() -> None:
    values = array("d", [float(n) for n in range(1, 101)])
    assert (percentile(values, 50), percentile(values, 99)) == (51.0, 100.0)
