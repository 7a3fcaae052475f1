"""A connection to Cassandra whose process dies, or stands still, between two requests."""

import asyncio
from collections.abc import Sequence
from typing import Any

from randomchat.config import CassandraSettings
from randomchat.errors import Unavailable
from randomchat.infra.cassandra import Cassandra, Query


class MortalCassandra(Cassandra):
    """Every request works until `left` are done; of the last one nobody learns the outcome, and the others are never made."""

    left = 1 << 30

    async def read(self, query: Query, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        rows = await self._unless_dead(super().read, query, values)
        assert isinstance(rows, list)
        return rows

    async def write(self, query: Query, values: Sequence[Any]) -> None:
        await self._unless_dead(super().write, query, values)

    async def write_if(self, query: Query, values: Sequence[Any]) -> bool:
        return bool(await self._unless_dead(super().write_if, query, values))

    async def _unless_dead(self, request: Any, query: Query, values: Sequence[Any]) -> object:
        if self.left <= 0:
            raise Unavailable
        self.left -= 1
        outcome: object = await request(query, values)
        if self.left <= 0:
            raise Unavailable
        return outcome


class HaltingCassandra(Cassandra):
    """Stands still before a conditional write number `halts_at`, until it is told to go on."""

    def __init__(self, settings: CassandraSettings) -> None:
        super().__init__(settings)
        self.halts_at = 0
        self.halted, self.go_on = asyncio.Event(), asyncio.Event()

    async def write_if(self, query: Query, values: Sequence[Any]) -> bool:
        if self.requests.conditional_writes + 1 == self.halts_at:
            self.halted.set()
            await self.go_on.wait()
        return await super().write_if(query, values)
