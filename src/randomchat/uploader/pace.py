"""How slow a sender may be."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass

from randomchat.errors import Unavailable


@dataclass(frozen=True, slots=True)
class Pace:
    """Whoever lets us wait for more than `within_s` in all for the next `least_bytes` is given up."""

    least_bytes: int
    within_s: float

    async def keep(self, chunks: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
        """The same chunks. Only the wait for them counts, not what is done with them. Raises `Unavailable`."""
        clock, arriving = asyncio.get_running_loop().time, aiter(chunks)
        count, waited_s = 0, 0.0
        while True:
            began_s = clock()
            try:
                async with asyncio.timeout(self.within_s - waited_s):
                    chunk = await anext(arriving)
            except StopAsyncIteration:
                return
            except TimeoutError:
                raise Unavailable("The bytes come too slowly; try again.") from None
            count, waited_s = count + len(chunk), waited_s + clock() - began_s
            if count >= self.least_bytes:
                count, waited_s = 0, 0.0
            yield chunk
