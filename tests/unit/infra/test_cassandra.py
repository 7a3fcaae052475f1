"""The connection to Cassandra: its tables, its turns, its time limits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from cluster.engines.cassandra import CassandraEngine
from randomchat.config import CassandraSettings, SettingsError, TlsSettings
from randomchat.errors import Unavailable
from randomchat.infra.cassandra import PAGE_ROWS, Cassandra, Query
from randomchat.infra.cassandra_schema import CassandraSchema, migrate
from tests.cassandra_keyspace import connected, fresh_keyspace, started, until_ready, unused_keyspace

FIRST = ["CREATE TABLE IF NOT EXISTS notes (shelf int, id bigint, text text, PRIMARY KEY (shelf, id))"]
SECOND = ["ALTER TABLE notes ADD IF NOT EXISTS colour text", "CREATE TABLE IF NOT EXISTS pens (id bigint PRIMARY KEY)"]
OLD, NEW = CassandraSchema("notes", [FIRST]), CassandraSchema("notes", [FIRST, SECOND])

INSERT = Query("INSERT INTO notes (shelf, id, text) VALUES (?, ?, ?) USING TTL 600")
INSERT_IF = Query("INSERT INTO notes (shelf, id, text) VALUES (?, ?, ?) IF NOT EXISTS USING TTL 600")
SELECT = Query("SELECT id, text FROM notes WHERE shelf = ?")
SELECT_SERIAL = Query("SELECT id, text FROM notes WHERE shelf = ?", serial=True)
SELECT_PENS = Query("SELECT id FROM pens WHERE id = ?")


@pytest.fixture(scope="module")
def settings(cassandra_engine: CassandraEngine) -> CassandraSettings:
    return fresh_keyspace(cassandra_engine.settings, [NEW])


@pytest.fixture
async def cassandra(settings: CassandraSettings) -> AsyncIterator[Cassandra]:
    async with connected(settings) as cassandra:
        yield cassandra


@pytest.fixture
def unused(cassandra_engine: CassandraEngine) -> CassandraSettings:
    return unused_keyspace(cassandra_engine.settings)


async def trouble_of(cassandra: Cassandra) -> str:
    with pytest.raises(Unavailable) as refusal:
        await cassandra.check()
    return refusal.value.message


# -------------------------------------------------------------------- requests
async def test_what_was_written_is_read(cassandra: Cassandra) -> None:
    await cassandra.write(INSERT, (1, 7, "seven"))
    await cassandra.write(INSERT, (1, 8, None))
    assert await cassandra.read(SELECT, (1,)) == await cassandra.read(SELECT_SERIAL, (1,)) == [(7, "seven"), (8, None)]


async def test_a_conditional_write_says_whether_it_happened(cassandra: Cassandra) -> None:
    outcomes = await asyncio.gather(*(cassandra.write_if(INSERT_IF, (2, 7, str(number))) for number in range(5)))
    assert sorted(outcomes) == [False, False, False, False, True]
    assert await cassandra.read(SELECT_SERIAL, (2,)) == [(7, str(outcomes.index(True)))]


async def test_all_pages_are_read(cassandra: Cassandra) -> None:
    count = 2 * PAGE_ROWS + 1
    for number in range(count):
        await cassandra.write(INSERT, (3, number, ""))
    assert [number for number, _ in await cassandra.read(SELECT, (3,))] == list(range(count))


async def test_requests_are_counted(cassandra: Cassandra) -> None:
    await cassandra.write(INSERT, (4, 1, ""))
    await cassandra.write_if(INSERT_IF, (4, 1, ""))
    await cassandra.read(SELECT, (4,))
    await cassandra.read(SELECT, (4,))
    counted = cassandra.requests
    assert (counted.reads, counted.writes, counted.conditional_writes) == (2, 1, 1)


async def test_more_requests_than_there_are_places_wait_for_their_turn(settings: CassandraSettings) -> None:
    async with connected(settings.model_copy(update={"in_flight": 2})) as cassandra:
        await asyncio.gather(*(cassandra.write(INSERT, (5, number, "")) for number in range(200)))
        assert len(await cassandra.read(SELECT, (5,))) == 200


async def test_a_caller_that_goes_away_frees_its_place(settings: CassandraSettings) -> None:
    async with connected(settings.model_copy(update={"in_flight": 2})) as cassandra:
        for _ in range(50):
            calls = [asyncio.create_task(cassandra.write(INSERT, (6, number, ""))) for number in range(10)]
            await asyncio.sleep(0)
            for call in calls:
                call.cancel()
            await asyncio.gather(*calls, return_exceptions=True)
        await cassandra.write(INSERT, (6, 1, ""))


async def test_what_cassandra_refuses_is_unavailable_and_said_once(cassandra: Cassandra) -> None:
    with capture_logs() as logs:
        for _ in range(3):
            with pytest.raises(Unavailable):
                await cassandra.read(Query("SELECT nothing FROM notes WHERE shelf = 1"))
    assert [log["event"] for log in logs] == ["Cassandra refuses a request"]
    await cassandra.check()


async def test_a_closed_connection_is_unavailable(settings: CassandraSettings) -> None:
    async with connected(settings) as cassandra:
        pass
    with pytest.raises(Unavailable):
        await cassandra.read(SELECT, (1,))
    await trouble_of(cassandra)


# -------------------------------------------------------------------- tables
async def test_many_may_migrate_at_once_and_again(unused: CassandraSettings) -> None:
    await asyncio.gather(*(migrate(unused, [NEW]) for _ in range(4)))
    await migrate(unused, [NEW])
    async with started(Cassandra(unused)) as cassandra:
        cassandra.expect(NEW)
        await until_ready(cassandra)
        assert await cassandra.read(SELECT, (1,)) == await cassandra.read(SELECT_PENS, (1,)) == []


async def test_who_lacks_tables_says_so_and_is_ready_when_they_are_made(unused: CassandraSettings) -> None:
    async with started(Cassandra(unused)) as cassandra:
        cassandra.expect(NEW)
        address = f"Cassandra at 127.0.0.1:{unused.port} lacks"
        await until_trouble(cassandra, f"{address} the keyspace {unused.keyspace}: run `randomchat migrate`")
        await migrate(unused, [])
        await until_trouble(cassandra, f"{address} tables of the notes service (version 0, not 2): run `randomchat migrate`")
        await migrate(unused, [OLD])
        await until_trouble(cassandra, f"{address} tables of the notes service (version 1, not 2): run `randomchat migrate`")
        await migrate(unused, [NEW])
        await until_ready(cassandra)
        assert await cassandra.read(SELECT_PENS, (1,)) == []


async def test_an_older_process_runs_on_beside_newer_tables(unused: CassandraSettings) -> None:
    await migrate(unused, [OLD])
    async with started(Cassandra(unused)) as cassandra:
        cassandra.expect(OLD)
        await until_ready(cassandra)
        await cassandra.write(INSERT, (1, 1, "before"))
        await migrate(unused, [NEW])
        await cassandra.write(INSERT, (1, 2, "after"))
        await cassandra.check()
        assert await cassandra.read(SELECT, (1,)) == [(1, "before"), (2, "after")]
        await migrate(unused, [OLD])
    async with started(Cassandra(unused)) as newer:
        newer.expect(NEW)
        await until_ready(newer)


async def test_a_migration_that_was_cut_short_is_finished_by_the_next_one(unused: CassandraSettings) -> None:
    broken = CassandraSchema("notes", [FIRST, [SECOND[0], "CREATE NONSENSE"]])
    with pytest.raises(Unavailable, match="NONSENSE"):
        await migrate(unused, [broken])
    await migrate(unused, [NEW])
    async with started(Cassandra(unused)) as cassandra:
        cassandra.expect(NEW)
        await until_ready(cassandra)


async def until_trouble(cassandra: Cassandra, expected: str) -> None:
    async with asyncio.timeout(10):
        while await trouble_of(cassandra) != expected:  # noqa: ASYNC110 - it is told to nobody
            await asyncio.sleep(0.05)


# -------------------------------------------------------------------- settings
def test_an_encrypted_connection_needs_to_know_whom_to_believe() -> None:
    with pytest.raises(SettingsError, match=r"cassandra\.tls\.ca_file"):
        Cassandra(CassandraSettings(tls=TlsSettings(enabled=True)))


def test_a_certificate_that_is_not_there_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no file"):
        Cassandra(CassandraSettings(tls=TlsSettings(enabled=True, ca_file=tmp_path / "ca.pem")))
