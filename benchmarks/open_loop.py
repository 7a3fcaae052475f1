"""The load: messages that leave at times fixed beforehand, whether or not the server keeps up."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec

MESSAGE, ERROR = 0, 5
DIGITS = 10


class Line(Protocol):
    """What a load needs of a socket."""

    on_text: Callable[[bytes], None]

    def send_text(self, text: bytes) -> None: ...


class ReceivedFrame(msgspec.Struct):
    """As much of a frame as is counted."""

    event: int
    payload: str
    message_id: str = ""


_decode = msgspec.json.Decoder(ReceivedFrame).decode


@dataclass(frozen=True)
class Load:
    """`rate`: messages a second in all, spread evenly over the pairs, both members in turn."""

    rate: float
    seconds: float
    payload_bytes: int = 100

    @property
    def messages(self) -> int:
        return round(self.rate * self.seconds)


@dataclass(frozen=True)
class Outcome:
    """Each message should come twice: to its sender and to the peer. Times in ms, from when it was meant to leave.

    `ack_...`: to the sender's copy; the others: to the peer's.
    """

    sent: int
    lost: int
    doubled: int
    misplaced: int
    refused: int
    p50_ms: float
    p99_ms: float
    ack_p50_ms: float
    ack_p99_ms: float
    generator_late_p99_ms: float

    @property
    def faults(self) -> int:
        return self.lost + self.doubled + self.misplaced + self.refused


class OpenLoop:
    """One load over connected pairs.

    `first`: the number of the first message, where these pairs have carried loads before. `drain_s`: how long the last copies
    are waited for.
    """

    def __init__(self, pairs: Sequence[tuple[Line, Line]], load: Load, first: int = 0, drain_s: float = 10.0) -> None:
        self._pairs, self._load, self._first, self._drain_s = pairs, load, first, drain_s
        self._copies = [bytearray(load.messages), bytearray(load.messages)]
        self._waits, self._ack_waits, self._lags = array("d"), array("d"), array("d")
        self._doubled = self._misplaced = self._refused = self._arrived = self._sent = 0
        self._began = 0.0
        self._all_arrived = asyncio.Event()
        for pair in pairs:
            for side, socket in enumerate(pair):
                socket.on_text = _Receiver(self, side).take

    async def run(self) -> Outcome:
        loop = asyncio.get_running_loop()
        all_sent = asyncio.Event()
        self._began = time.perf_counter() + 0.05
        pacer = threading.Thread(target=self._pace, args=(loop, all_sent), daemon=True)
        pacer.start()
        await all_sent.wait()
        pacer.join()
        with contextlib.suppress(TimeoutError):  # what is missing is counted
            await asyncio.wait_for(self._all_arrived.wait(), self._drain_s)
        return self._outcome()

    def sender_of(self, number: int) -> tuple[int, int]:
        """Which pair, and which side of it, says the message."""
        return number % len(self._pairs), number // len(self._pairs) % 2

    def _pace(self, loop: asyncio.AbstractEventLoop, all_sent: asyncio.Event) -> None:
        """Wake the loop at the times of the schedule: a thread's sleep is finer than the loop's timers of 1 ms."""
        step = max(1, round(self._load.rate / 5000))
        for number in range(0, self._load.messages, step):
            wait = self._began + number / self._load.rate - time.perf_counter()
            if wait > 0:
                time.sleep(wait)
            loop.call_soon_threadsafe(self._send_due)
        while self._sent < self._load.messages:
            time.sleep(0.001)
            loop.call_soon_threadsafe(self._send_due)
        loop.call_soon_threadsafe(all_sent.set)

    def _send_due(self) -> None:
        now = time.perf_counter()
        due = min(self._load.messages, int((now - self._began) * self._load.rate) + 1)
        while self._sent < due:
            self._lags.append(now - self._began - self._sent / self._load.rate)
            self._send(self._sent)
            self._sent += 1

    def _send(self, number: int) -> None:
        pair, side = self.sender_of(number)
        name = f"{self._first + number:0{DIGITS}d}"
        text = f'{{"event":0,"payload":"{name:.<{self._load.payload_bytes}}","client_id":"{name}"}}'
        self._pairs[pair][side].send_text(text.encode())

    # ---------------------------------------------------------------- what comes back
    def number_of(self, payload: str) -> int | None:
        """The number of a message within this load; None where it is of another one."""
        number = int(payload[:DIGITS]) - self._first
        return number if 0 <= number < self._load.messages else None

    def count(self, number: int, side: int) -> None:
        """Note a copy at one side of a pair."""
        if self._copies[side][number]:
            self._doubled += 1
            return
        self._copies[side][number] = 1
        waits = self._ack_waits if side == self.sender_of(number)[1] else self._waits
        waits.append(time.perf_counter() - self._began - number / self._load.rate)
        self._arrived += 1
        if self._arrived == 2 * self._load.messages:
            self._all_arrived.set()

    def count_refused(self) -> None:
        self._refused += 1

    def count_misplaced(self) -> None:
        self._misplaced += 1

    def _outcome(self) -> Outcome:
        return Outcome(
            sent=self._sent,
            lost=2 * self._load.messages - self._arrived,
            doubled=self._doubled,
            misplaced=self._misplaced,
            refused=self._refused,
            p50_ms=1000 * percentile(self._waits, 50),
            p99_ms=1000 * percentile(self._waits, 99),
            ack_p50_ms=1000 * percentile(self._ack_waits, 50),
            ack_p99_ms=1000 * percentile(self._ack_waits, 99),
            generator_late_p99_ms=1000 * percentile(self._lags, 99),
        )


class _Receiver:
    """What one socket gets. The place of a message is its id, or its arrival where it has none."""

    def __init__(self, load: OpenLoop, side: int) -> None:
        self._load, self._side = load, side
        self._arrivals = 0
        self._last = [(-1, -1), (-1, -1)]

    def take(self, text: bytes) -> None:
        frame = _decode(text)
        if frame.event == ERROR:
            self._load.count_refused()
        elif frame.event == MESSAGE:
            self._arrivals += 1
            number = self._load.number_of(frame.payload)
            if number is not None:
                self._load.count(number, self._side)
                self._compare(number, int(frame.message_id or self._arrivals))

    def _compare(self, number: int, place: int) -> None:
        sender = self._load.sender_of(number)[1]
        last_number, last_place = self._last[sender]
        if (number > last_number) != (place > last_place):
            self._load.count_misplaced()
        self._last[sender] = max((number, place), self._last[sender])


def percentile(values: array[float], percent: float) -> float:
    """NaN where there is no value at all."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))] if ordered else float("nan")
