"""Memory that a silent chat connection costs the server."""

from __future__ import annotations

import asyncio

from benchmarks.table import Row, figure
from benchmarks.targets import Target, close_all

HEADER = ("target", "connections", "KB a connection")
FIRST_SHARE = 4


async def idle(targets: list[Target], pairs: int, settle_s: float) -> list[Row]:
    """What the connections after the first quarter add.

    The server is started anew before, as connections would otherwise fit into the memory that making accounts and pairs left
    free; the first quarter pays for what is needed once.
    """
    rows: list[Row] = []
    for target in targets:
        doors = await target.doors(pairs)
        target.server.restart()
        share = max(1, pairs // FIRST_SHARE)
        connected = await target.connect(doors[:share])
        await asyncio.sleep(settle_s)
        before = target.server.rss_bytes()
        connected += await target.connect(doors[share:])
        await asyncio.sleep(settle_s)
        added = target.server.rss_bytes() - before
        rows.append((target.name, str(2 * pairs), figure(added / 1024 / (2 * (pairs - share)))))
        await close_all(connected)
    return rows
