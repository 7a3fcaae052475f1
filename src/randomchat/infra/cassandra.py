"""Cassandra: prepared statements, each bounded in time, from any number of callers, whether the cluster is there or not."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import acsylla
import structlog
from acsylla.errors import (
    CassErrorLibUnableToSetKeyspace,
    CassErrorServerInvalidQuery,
    CassException,
)

from randomchat.config import CassandraSettings
from randomchat.errors import Unavailable
from randomchat.infra.cassandra_schema import SELECT_VERSION, CassandraSchema
from randomchat.infra.cassandra_session import check_tls, make_cluster

ANSWER_S = 5.5
"""For how long a call of several requests goes on."""

PAGE_ROWS = 1000
LOOK_S = (0.1, 2.0)
"""The first and the longest pause between two looks at a cluster that is away."""

REOPEN_S = 20.0
"""A session that finds no node for so long is made anew: the addresses may be others by now."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """A statement with a `?` for each value. `serial`: a read that sees what conditional writes under way lead to."""

    text: str
    serial: bool = False


@dataclass(slots=True)
class Requests:
    """How many were made so far."""

    reads: int = 0
    writes: int = 0
    conditional_writes: int = 0


@asynccontextmanager
async def answer_in_time() -> AsyncIterator[None]:
    """Let a call of several requests end with `Unavailable` where it takes too long as a whole."""
    try:
        async with asyncio.timeout(ANSWER_S):
            yield
    except TimeoutError:
        raise Unavailable from None


class Cassandra:
    """The connection of one process to a cluster.

    Reads and writes hold for a quorum of the own data centre: a write that returned is seen by every later read. Each request
    raises `Unavailable` after `settings.timeout_s` at the latest, the wait for its turn included, and at once where it is known
    that nobody is there; a write may then have happened, may happen later, or never. It belongs to the loop that started it.
    """

    def __init__(self, settings: CassandraSettings) -> None:
        """Raises `SettingsError` where the settings can't be meant so."""
        check_tls(settings)
        self.requests = Requests()
        self._settings = settings
        self._schemas: list[CassandraSchema] = []
        self._cluster: acsylla.Cluster | None = None
        self._opening: asyncio.Task[acsylla.Session] | None = None
        self._session: acsylla.Session | None = None
        self._prepared: dict[Query, acsylla.PreparedStatement] = {}
        self._preparing = asyncio.Lock()
        self._turns = asyncio.Semaphore(settings.in_flight)
        self._doubt = asyncio.Event()
        self._trouble: str | None = None
        self._refusal = ""
        self._looking: asyncio.Task[None] | None = None

    def expect(self, schema: CassandraSchema) -> None:
        """Be ready only where the keyspace has these tables, or newer ones."""
        self._schemas.append(schema)
        self._doubt.set()

    async def start(self) -> None:
        """Connect in the background, for as long as it takes; returns at once."""
        self._cluster = make_cluster(self._settings)
        self._looking = asyncio.create_task(self._look_again_and_again(self._cluster), name="cassandra")

    async def close(self) -> None:
        """Disconnect; later calls raise `Unavailable`."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait([self._looking])
        if self._opening is not None:  # the driver must not find its answer's receiver gone
            with suppress(CassException):
                self._session = await self._opening
        await self._disconnect()
        if self._cluster is not None:
            self._cluster.destroy()

    async def check(self) -> None:
        """Raise `Unavailable`, which says what is wrong and where, unless a quorum answers and has the tables."""
        if self._session is None:
            raise Unavailable(self._trouble or self._away())
        try:
            await self._check_tables(self._session)
        except CassException:
            raise Unavailable(self._away()) from None

    # ---------------------------------------------------------------- requests
    async def read(self, query: Query, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows."""
        self.requests.reads += 1
        result = await self._execute(query, values)
        rows = [row.as_tuple() for row in result]
        while result.has_more_pages():
            result = await self._execute(query, values, result.page_state())
            rows += [row.as_tuple() for row in result]
        return rows

    async def write(self, query: Query, values: Sequence[Any]) -> None:
        """Write, whatever is there."""
        self.requests.writes += 1
        await self._execute(query, values)

    async def write_if(self, query: Query, values: Sequence[Any]) -> bool:
        """Write if the condition of the statement holds; whether it did."""
        self.requests.conditional_writes += 1
        result = await self._execute(query, values)
        return bool(result.first().column_value("[applied]"))

    async def _execute(self, query: Query, values: Sequence[Any], page_state: bytes | None = None) -> acsylla.Result:
        left_s = await self._take_turn()
        try:
            prepared = self._prepared.get(query) or await self._prepare(query)
            statement = prepared.bind(values, page_size=PAGE_ROWS, page_state=page_state)
            if query.serial:
                statement.set_consistency(acsylla.Consistency.LOCAL_SERIAL)
            if left_s is not None:
                statement.set_timeout(left_s)
            return await self._connected().execute(statement)
        except CassException as error:
            raise self._failed(error) from error
        finally:
            self._turns.release()

    async def _take_turn(self) -> float | None:
        """Take one of the places under way; how many seconds are left then, or None where there was no wait."""
        if not self._turns.locked():
            await self._turns.acquire()
            return None
        loop = asyncio.get_running_loop()
        end_s = loop.time() + self._settings.timeout_s
        try:
            async with asyncio.timeout_at(end_s):
                await self._turns.acquire()
        except TimeoutError:
            raise Unavailable("Cassandra does not keep up.") from None
        return max(0.001, end_s - loop.time())

    def _connected(self) -> acsylla.Session:
        if self._session is None:
            raise Unavailable
        return self._session

    async def _prepare(self, query: Query) -> acsylla.PreparedStatement:
        try:
            async with asyncio.timeout(self._settings.timeout_s), self._preparing:
                if query not in self._prepared:
                    session = self._connected()  # not before: while others prepared, it may have been closed
                    self._prepared[query] = await session.create_prepared(query.text)
                return self._prepared[query]
        except TimeoutError:
            raise Unavailable from None

    def _failed(self, error: CassException) -> Unavailable:
        self._doubt.set()
        if isinstance(error, CassErrorServerInvalidQuery) and str(error) != self._refusal:
            self._refusal = str(error)
            _log.error("Cassandra refuses a request", reason=self._refusal)
        return Unavailable()

    # ---------------------------------------------------------------- the cluster
    async def _look_again_and_again(self, cluster: acsylla.Cluster) -> None:
        """Connect, and look again when a request has failed, or until all is well."""
        loop = asyncio.get_running_loop()
        pause_s, well_s = LOOK_S[0], loop.time()
        while True:
            self._doubt.clear()
            try:
                await self._look(cluster)
            except Unavailable as error:
                self._note(error.message)
            except Exception as error:  # noqa: BLE001 - whatever it is, there is another look
                self._note(self._away(), reason=str(error))
            else:
                self._note(None)
                await self._doubt.wait()
                pause_s, well_s = LOOK_S[0], loop.time()
                continue
            if loop.time() - well_s > REOPEN_S:
                await self._disconnect()
                well_s = loop.time()
            await asyncio.sleep(pause_s * random.uniform(0.5, 1))  # noqa: S311 - so that many processes don't come at once
            pause_s = min(2 * pause_s, LOOK_S[1])

    async def _look(self, cluster: acsylla.Cluster) -> None:
        if self._session is None:
            self._session = await self._open(cluster)
        await self._check_tables(self._session)

    async def _open(self, cluster: acsylla.Cluster) -> acsylla.Session:
        self._opening = asyncio.create_task(cluster.create_session(keyspace=self._settings.keyspace))
        try:
            session = await asyncio.shield(self._opening)
        except CassErrorLibUnableToSetKeyspace:
            raise Unavailable(self._lacking(f"the keyspace {self._settings.keyspace}")) from None
        finally:
            if self._opening.done():
                self._opening = None
        return session

    async def _check_tables(self, session: acsylla.Session) -> None:
        """Ask in which version the tables are."""
        for schema in self._schemas:
            try:
                rows = await session.execute(acsylla.create_statement(SELECT_VERSION, [schema.service]))
            except CassErrorServerInvalidQuery:
                raise Unavailable(self._lacking("tables")) from None
            version = rows.first().column_value("version") if rows.count() else 0
            if version < schema.version:
                raise Unavailable(
                    self._lacking(f"tables of the {schema.service} service (version {version}, not {schema.version})")
                )

    async def _disconnect(self) -> None:
        session, self._session = self._session, None
        self._prepared.clear()
        if session is not None:
            with suppress(CassException, TimeoutError):
                await asyncio.wait_for(session.close(), ANSWER_S)

    def _away(self) -> str:
        return f"Cassandra does not answer at {self._where}"

    def _lacking(self, what: str) -> str:
        return f"Cassandra at {self._where} lacks {what}: run `randomchat migrate`"

    @property
    def _where(self) -> str:
        return ", ".join(f"{host}:{self._settings.port}" for host in self._settings.hosts)

    def _note(self, trouble: str | None, reason: str = "") -> None:
        """Say it once when something goes wrong or is well again."""
        if trouble is not None and trouble != self._trouble:
            _log.warning("Cassandra is not usable; trying again", trouble=trouble, reason=reason)
        elif trouble is None and self._trouble is not None:
            _log.info("Cassandra is back", at=self._where)
        self._trouble = trouble
