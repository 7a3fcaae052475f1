"""How slow a sender may be."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from randomchat.errors import Unavailable
from randomchat.uploader.pace import Pace
from tests.simulated_time import simulate

PACE = Pace(least_bytes=100, within_s=30)


async def arriving(*sizes: int, after_s: float) -> AsyncIterator[bytes]:
    for size in sizes:
        await asyncio.sleep(after_s)
        yield bytes(size)


def kept(chunks: AsyncIterator[bytes], store_s: float = 0) -> list[int]:
    """The sizes of what came through, to a store that takes that long with each."""

    async def keep() -> list[int]:
        sizes = []
        async for chunk in PACE.keep(chunks):
            sizes.append(len(chunk))
            await asyncio.sleep(store_s)
        return sizes

    return simulate(keep())


def test_what_comes_fast_enough_comes_through_however_long_it_takes() -> None:
    assert kept(arriving(*[10] * 100, after_s=2.9)) == [10] * 100


def test_whoever_trickles_is_given_up() -> None:
    with pytest.raises(Unavailable, match="too slowly"):
        kept(arriving(*[10] * 100, after_s=3.1))


def test_whoever_falls_silent_is_given_up() -> None:
    async def silent() -> AsyncIterator[bytes]:
        yield bytes(1000)
        await asyncio.sleep(1e9)

    with pytest.raises(Unavailable):
        kept(silent())


def test_a_small_file_may_end_before_it_was_fast() -> None:
    assert kept(arriving(1, after_s=29)) == [1]
    assert kept(arriving(after_s=0)) == []


def test_a_slow_store_is_not_the_senders_fault() -> None:
    assert kept(arriving(*[10] * 20, after_s=1), store_s=60) == [10] * 20


def test_what_breaks_off_breaks_off() -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"x"
        raise ConnectionError

    with pytest.raises(ConnectionError):
        kept(broken())
