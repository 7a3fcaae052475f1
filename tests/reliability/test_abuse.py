"""A crowd that comes and goes leaves nothing behind, and one that comes back all at once gets in."""

from __future__ import annotations

import asyncio
import gc
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest
import uvloop
from prometheus_client import CollectorRegistry

from benchmarks.abuse.churn import churn
from benchmarks.abuse.storm import storm
from randomchat.bootstrap.embedded import open_embedded
from randomchat.clock import SystemClock
from randomchat.config import Settings
from tests.component.edge_server import edge
from tests.reliability.server import randomchat_server, running

pytestmark = pytest.mark.cluster

PEOPLE, WARM_UP, ROUNDS = 20, 3, 8
MOST_BLOCKS_A_VISIT = 5
"""SQLite's module lets some hundreds of dead references pile up before it clears them; a leak is dozens a visit."""
MOST_BYTES = 16 * 2**20
PATIENCE_S = 15
PEACE: dict[str, Any] = {
    "limits": {"enabled": False},
    "match": {"recent_partners": 0},  # else the last two of a round could wait for ever
    "chat": {"presence": {"clean_grace_s": 0.1, "broken_grace_s": 0.2}},
}


class Here:
    """The server in this process."""

    def __init__(self, port: int) -> None:
        self.port = port

    def rss_bytes(self) -> int:
        return psutil.Process().memory_info().rss


async def blocks_when_all_have_gone(most: int = 0) -> int:
    """How many pieces of memory Python holds, texts too, once it is `most` or does not change any more."""
    blocks = await _blocks_now()
    for _ in range(PATIENCE_S):
        before, blocks = blocks, await _blocks_now()
        if blocks <= most or before - blocks in range(50):
            break
    return blocks


async def _blocks_now() -> int:
    await asyncio.sleep(1)  # some things outlive their socket for a while, by the grace times above
    gc.collect()
    return sys.getallocatedblocks()


def test_whoever_has_come_and_gone_leaves_nothing_behind(tmp_path: Path) -> None:
    uvloop.run(_come_and_go(tmp_path))


async def _come_and_go(folder: Path) -> None:
    settings = Settings(data_dir=folder / "data", **PEACE)
    before = rss_before = 0
    async with (
        open_embedded(settings, SystemClock(), CollectorRegistry()) as services,
        edge(services.route(), **PEACE) as (port, _),
    ):
        async for one in churn(Here(port), PEOPLE):
            if one.number == WARM_UP:
                before = await blocks_when_all_have_gone()
                rss_before = Here(port).rss_bytes()
            if one.number == WARM_UP + ROUNDS:
                break
        most = before + MOST_BLOCKS_A_VISIT * PEOPLE * ROUNDS
        assert await blocks_when_all_have_gone(most) <= most
    assert Here(port).rss_bytes() - rss_before < MOST_BYTES


async def test_a_crowd_comes_back_after_a_kill_without_one_refusal(tmp_path: Path) -> None:
    with running(randomchat_server(tmp_path)) as server:
        result = await storm(server, clients=200)
    assert len(result.back_s) == 200
    assert not result.refused
    assert max(result.back_s) < 10
    assert max(result.back_s) - min(result.back_s) > 0.2, "they are spread over time"
