"""The embedded database on each event loop, at its end, and after a kill."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import uvloop

from randomchat.errors import Unavailable
from randomchat.infra import sqlite
from randomchat.infra.sqlite import SqliteDatabase
from tests.simulated_time import SimulatedLoop, simulate
from tests.unit.infra.notes import NOTES, insert, note_ids, rows_in


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_it_works_on_either_loop(path: Path, new_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def scenario() -> None:
        database = await SqliteDatabase.open(path, [NOTES])
        for first in range(0, 300, 50):
            await asyncio.gather(*(insert(database, number) for number in range(first, first + 50)))
            assert len(await database.read(note_ids)) == first + 50
        await database.close()

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(scenario())


def test_simulated_time_waits_for_its_writes(path: Path) -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SimulatedLoop)
        database = await SqliteDatabase.open(path, [NOTES])
        loop.busy.append(lambda: database.busy)
        for number in range(20):
            async with asyncio.timeout(0.1):
                await insert(database, number)
        await database.close()

    simulate(scenario())


async def test_closing_finishes_what_waits_and_refuses_what_comes(path: Path) -> None:
    database = await SqliteDatabase.open(path, [NOTES])
    writes = [asyncio.create_task(insert(database, number)) for number in range(3 * sqlite.MAX_BATCH)]
    await asyncio.sleep(0)
    await database.close()
    await database.close()
    assert [await write for write in writes] == [1] * len(writes)
    for call in (insert(database, 9999), database.read(note_ids), database.transaction(note_ids), database.check()):
        with pytest.raises(Unavailable):
            await call
    assert len(rows_in(path)) == len(writes)


async def test_closing_leaves_one_file(path: Path) -> None:
    database = await SqliteDatabase.open(path, [NOTES])
    await insert(database, 1)
    await database.close()
    assert files_beside(path) == {path.name: 0o600}


def files_beside(path: Path) -> dict[str, int]:
    """The names of the files in a folder, and who may do what with them."""
    return {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}


WRITE_AND_TELL = """
import asyncio, sys
from pathlib import Path
from randomchat.infra.sqlite import Schema, SqliteDatabase

async def write(database, first):
    for number in range(first, 10**9, 20):
        await database.execute("INSERT INTO notes (id, text) VALUES (?, ?)", (number, "text"))
        print(number, flush=True)

async def main():
    schema = Schema("notes", ["CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT"])
    database = await SqliteDatabase.open(Path(sys.argv[1]), [schema])
    await asyncio.gather(*(write(database, first) for first in range(20)))

asyncio.run(main())
"""


def test_what_was_acknowledged_is_there_after_a_kill(path: Path) -> None:
    acknowledged: set[int] = set()
    for run in range(3):
        if run:
            path.unlink()
        with subprocess.Popen([sys.executable, "-c", WRITE_AND_TELL, str(path)], stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout
            acknowledged = {int(writer.stdout.readline()) for _ in range(300 + 77 * run)}
            writer.send_signal(signal.SIGKILL)
            acknowledged |= {int(line) for line in writer.stdout if line.endswith("\n")}
        assert acknowledged <= set(rows_in(path))
