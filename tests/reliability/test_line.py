"""The line is tried first: what it does to a connection is what its words say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.reliability.line import Line, Trouble

SHORT_S, LONG_S = 0.1, 5.0


class Echo:
    """Answers with what it was told, and notes it."""

    def __init__(self) -> None:
        self.told = b""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(100):
            self.told += piece
            writer.write(piece)
        writer.close()


@asynccontextmanager
async def line_to_echo(delay_s: float = 0.2) -> AsyncIterator[tuple[Line, Echo]]:
    echo = Echo()
    server = await asyncio.start_server(echo.serve, "127.0.0.1", 0)
    line = Line("echo", server.sockets[0].getsockname, delay_s).open()
    try:
        yield line, echo
    finally:
        await asyncio.to_thread(line.close)
        server.close()


class Talk:
    """A connection through the line."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self.writer = reader, writer

    @classmethod
    async def begin(cls, line: Line) -> Talk:
        return cls(*await asyncio.open_connection("127.0.0.1", line.port))

    async def ask(self, words: bytes, most_s: float = LONG_S) -> bytes:
        self.writer.write(words)
        return await self.hear(most_s)

    async def hear(self, most_s: float = LONG_S) -> bytes:
        async with asyncio.timeout(most_s):
            return await self._reader.read(100)


async def test_an_open_line_carries_both_ways_and_the_end_too() -> None:
    async with line_to_echo() as (line, _):
        talk = await Talk.begin(line)
        assert await talk.ask(b"hello") == b"hello"
        talk.writer.write_eof()
        assert await talk.hear() == b""
        talk.writer.close()


async def test_a_cut_line_resets_what_there_is_and_what_comes_until_it_is_restored() -> None:
    async with line_to_echo() as (line, _):
        talk = await Talk.begin(line)
        assert await talk.ask(b"hello") == b"hello"
        await asyncio.to_thread(line.make, Trouble.CUT)
        assert await talk.hear() == b""
        late = await Talk.begin(line)
        assert await late.hear() == b""
        await asyncio.to_thread(line.restore)
        again = await Talk.begin(line)
        assert await again.ask(b"again") == b"again"
        for each in (talk, late, again):
            each.writer.close()


async def test_a_held_line_keeps_everything_and_gives_it_later() -> None:
    async with line_to_echo() as (line, echo):
        talk = await Talk.begin(line)
        await asyncio.to_thread(line.make, Trouble.HELD)
        with pytest.raises(TimeoutError):
            await talk.ask(b"hello", SHORT_S)
        assert echo.told == b""
        await asyncio.to_thread(line.restore)
        assert await talk.hear() == b"hello"
        talk.writer.close()


async def test_a_muted_line_carries_questions_and_no_answers_and_is_reset_at_the_end() -> None:
    async with line_to_echo() as (line, echo):
        talk = await Talk.begin(line)
        await asyncio.to_thread(line.make, Trouble.MUTED)
        with pytest.raises(TimeoutError):
            await talk.ask(b"hello", SHORT_S)
        assert echo.told == b"hello"
        await asyncio.to_thread(line.restore)
        assert await talk.hear() == b""
        talk.writer.close()


async def test_a_slow_line_takes_its_time_both_ways() -> None:
    async with line_to_echo(delay_s=0.1) as (line, _):
        talk = await Talk.begin(line)
        await asyncio.to_thread(line.make, Trouble.SLOW)
        began = asyncio.get_running_loop().time()
        assert await talk.ask(b"hello") == b"hello"
        assert asyncio.get_running_loop().time() - began >= 0.2
        talk.writer.close()


async def test_whoever_comes_where_nothing_listens_is_sent_away() -> None:
    line = Line("nowhere", lambda: ("127.0.0.1", 1)).open()
    talk = await Talk.begin(line)
    assert await talk.hear() == b""
    talk.writer.close()
    await asyncio.to_thread(line.close)
