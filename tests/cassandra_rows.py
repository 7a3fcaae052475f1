"""What is stored in a keyspace, and for how long."""

from __future__ import annotations

from typing import Any

from randomchat.config import CassandraSettings
from randomchat.infra.cassandra import Cassandra, Query

SCHEMA_TABLES = {"schema_versions", "schema_lock"}
"""These say what the others are, and stay."""

_COLUMNS = Query("SELECT table_name, column_name, kind FROM system_schema.columns WHERE keyspace_name = ?")


async def times_to_live(cassandra: Cassandra, settings: CassandraSettings) -> dict[str, list[int | None]]:
    """For each column, e.g. `messages.payload`: the seconds that each of its values has left; None would be for ever."""
    columns = await cassandra.read(_COLUMNS, (settings.keyspace,))
    return {
        f"{table}.{column}": await _times_of(cassandra, table, column)
        for table, column, kind in columns
        if table not in SCHEMA_TABLES and kind == "regular"
    }


async def _times_of(cassandra: Cassandra, table: str, column: str) -> list[int | None]:
    rows = await cassandra.read(Query(f"SELECT {column}, TTL({column}) FROM {table}"))
    return [seconds for value, ttl in rows if value is not None for seconds in _each(ttl)]


def _each(ttl: Any) -> list[int | None]:
    """A map has one for each entry."""
    return list(ttl) if isinstance(ttl, list | tuple) else [ttl]
