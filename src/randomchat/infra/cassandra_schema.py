"""The tables in Cassandra, and how they are brought to the newest version.

Processes of the last version run beside those of this one: a step may add tables and columns, and nothing that is in use may be
renamed, removed, or given another meaning before the version after the next.
"""

from __future__ import annotations

import asyncio
import secrets
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import acsylla
import structlog
from acsylla.errors import CassException

from randomchat.config import CassandraSettings
from randomchat.errors import Unavailable
from randomchat.infra.cassandra_session import check_tls, session_in

LOCK_S = 60
"""A migration that died holds up the next one for so long at most."""

STEP_S = 30.0
"""How long one change may take, with the time until all nodes know of it."""

SELECT_VERSION = "SELECT version FROM schema_versions WHERE service = ?"
_SET_VERSION = "INSERT INTO schema_versions (service, version) VALUES (?, ?)"
_TABLES = {
    "schema_versions": "service text PRIMARY KEY, version int",
    "schema_lock": "name text PRIMARY KEY, owner text",
}
_LOCK = f"INSERT INTO schema_lock (name, owner) VALUES ('migrate', ?) IF NOT EXISTS USING TTL {LOCK_S}"  # noqa: S608 - a number
_RENEW = f"UPDATE schema_lock USING TTL {LOCK_S} SET owner = ? WHERE name = 'migrate' IF owner = ?"  # noqa: S608 - a number
_UNLOCK = "DELETE FROM schema_lock WHERE name = 'migrate' IF owner = ?"

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class CassandraSchema:
    """The tables of one service.

    `migrations`: what each version adds, oldest first. A step may be run again where it was cut short: every statement of it
    says `IF NOT EXISTS`.
    """

    service: str
    migrations: Sequence[Sequence[str]]

    @property
    def version(self) -> int:
        return len(self.migrations)


async def migrate(settings: CassandraSettings, schemas: Sequence[CassandraSchema]) -> None:
    """Make the keyspace and the tables, or bring them up to date.

    Any number of these may run at once, and beside the services. An existing keyspace keeps its replication, a database that is
    newer is left as it is. Raises `Unavailable` where the cluster is away; running it again goes on from there.
    """
    check_tls(settings)
    patient = settings.model_copy(update={"timeout_s": STEP_S})
    try:
        async with session_in(patient, keyspace=None) as session:
            await _run(session, _create_keyspace(settings))
        async with session_in(patient, settings.keyspace) as session:
            await _bring_all_up_to_date(session, settings.keyspace, schemas)
    except CassException as error:
        hosts = ", ".join(f"{host}:{settings.port}" for host in settings.hosts)
        raise Unavailable(f"The tables can't be made in Cassandra at {hosts}: {error}") from error


async def _bring_all_up_to_date(session: acsylla.Session, keyspace: str, schemas: Sequence[CassandraSchema]) -> None:
    for name, columns in _TABLES.items():
        await _run(session, _create_table(keyspace, name, columns))
    async with _locked(session) as owner:
        for schema in schemas:
            await _bring_up_to_date(session, schema, owner)


def _create_keyspace(settings: CassandraSettings) -> str:
    copies = ", ".join(f"'{data_center}': {count}" for data_center, count in settings.replication.items())
    replication = f"{{'class': 'NetworkTopologyStrategy', {copies}}}"
    return f"CREATE KEYSPACE IF NOT EXISTS {settings.keyspace} WITH replication = {replication}"


def _create_table(keyspace: str, name: str, columns: str) -> str:
    """There is no lock yet: a fixed id makes one table of what two nodes may create at the same moment."""
    table_id = uuid.uuid5(uuid.NAMESPACE_OID, f"randomchat.{keyspace}.{name}")
    return f"CREATE TABLE IF NOT EXISTS {name} ({columns}) WITH id = {table_id}"


@asynccontextmanager
async def _locked(session: acsylla.Session) -> AsyncIterator[str]:
    """Wait until nobody else migrates; the name of this migration."""
    owner = secrets.token_hex(8)
    loop = asyncio.get_running_loop()
    end_s = loop.time() + 2 * LOCK_S
    while not await _applied(session, _LOCK, owner):
        if loop.time() > end_s:
            raise Unavailable("Another migration is under way; this one would wait no longer.")
        await asyncio.sleep(0.2)
    try:
        yield owner
    finally:
        await _applied(session, _UNLOCK, owner)


async def _bring_up_to_date(session: acsylla.Session, schema: CassandraSchema, owner: str) -> None:
    found = await _run(session, SELECT_VERSION, schema.service)
    version = found.first().column_value("version") if found.count() else 0
    for number, statements in enumerate(schema.migrations[version:], start=version + 1):
        for statement in statements:
            if not await _applied(session, _RENEW, owner, owner):
                raise Unavailable("The migration took too long, and another one has begun.")
            await _run(session, statement)
        await _run(session, _SET_VERSION, schema.service, number)
        _log.info("tables were brought up to date", service=schema.service, version=number)


async def _applied(session: acsylla.Session, text: str, *values: Any) -> bool:
    return bool((await _run(session, text, *values)).first().column_value("[applied]"))


async def _run(session: acsylla.Session, text: str, *values: Any) -> acsylla.Result:
    """Run a statement, for every data centre. The driver waits until all nodes know of a changed schema."""
    statement = (await session.create_prepared(text)).bind(list(values)) if values else acsylla.create_statement(text)
    statement.set_consistency(acsylla.Consistency.QUORUM)
    statement.set_serial_consistency(acsylla.Consistency.SERIAL)
    return await session.execute(statement)
