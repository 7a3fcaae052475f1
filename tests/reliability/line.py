"""A TCP relay that can be cut, held, muted and slowed: what becomes of the connection between any two parts."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine
from enum import Enum
from typing import Any

Address = tuple[str, int]
PIECE = 65536


class Trouble(Enum):
    """What can be wrong with a line."""

    CUT = "cut"
    HELD = "held"
    MUTED = "muted"
    SLOW = "slow"


class Line:
    """Listens on `port` of loopback, and carries each connection to `target()`, which is asked anew each time.

    Cut: connections are reset, and new ones too. Held: they stay open, and nothing comes through until the line is restored.
    Muted: questions come through, answers do not, and when the line is restored these connections are reset. Slow: each piece
    takes `delay_s` longer, both ways. Every method blocks, and may be called from any thread.
    """

    def __init__(self, name: str, target: Callable[[], Address], delay_s: float = 0.2) -> None:
        self.name, self.port = name, 0
        self._target, self._delay_s = target, delay_s
        self._trouble: Trouble | None = None
        self._loop = asyncio.new_event_loop()
        self._ways = {"there": asyncio.Event(), "back": asyncio.Event()}
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"line {name}", daemon=True)

    def open(self) -> Line:
        self._thread.start()
        self._call(self._listen())
        return self

    def close(self) -> None:
        self._call(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def make(self, trouble: Trouble) -> None:
        self._call(self._change(trouble))

    def restore(self) -> None:
        self._call(self._change(None))

    def _call(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _listen(self) -> None:
        await self._change(None)
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", self.port, backlog=1024)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _end(self) -> None:
        self._server.close()
        self._reset()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _change(self, trouble: Trouble | None) -> None:
        if trouble is Trouble.CUT or self._trouble is Trouble.MUTED:
            self._reset()
        self._trouble = trouble
        closed = {Trouble.HELD: ("there", "back"), Trouble.MUTED: ("back",)}.get(trouble, ()) if trouble else ()
        for way, gate in self._ways.items():
            (gate.clear if way in closed else gate.set)()

    def _reset(self) -> None:
        for writer in tuple(self._writers):
            writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._writers.add(writer)
        try:
            if self._trouble is not Trouble.CUT:
                await self._carry_to_target(reader, writer)
        except OSError:
            pass  # the target does not listen
        finally:
            self._writers.discard(writer)
            writer.transport.abort()

    async def _carry_to_target(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(*self._target())
        self._writers.add(far_writer)
        try:
            async with asyncio.TaskGroup() as ways:
                ways.create_task(self._pump(reader, far_writer, self._ways["there"]))
                ways.create_task(self._pump(far_reader, writer, self._ways["back"]))
        finally:
            self._writers.discard(far_writer)
            far_writer.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: asyncio.Event) -> None:
        with contextlib.suppress(ConnectionError):
            while piece := await reader.read(PIECE):
                await way.wait()
                if self._trouble is Trouble.SLOW:
                    await asyncio.sleep(self._delay_s)
                writer.write(piece)
                await writer.drain()
        await way.wait()
        if not writer.transport.is_closing() and writer.can_write_eof():
            with contextlib.suppress(OSError):
                writer.write_eof()
