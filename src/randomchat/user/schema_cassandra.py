"""The user service's tables in Cassandra. Steps are only ever added: a keyspace knows how many of them it has taken."""

from __future__ import annotations

from randomchat.infra.cassandra_schema import CassandraSchema

_ACCOUNTS = """
CREATE TABLE IF NOT EXISTS accounts (
    user_id bigint PRIMARY KEY,
    name text,
    picture text
)
"""
# The trace of a revoked session must outlive the session: a node that missed its end would bring it back to life.
_SESSIONS = """
CREATE TABLE IF NOT EXISTS sessions (
    token_hash blob PRIMARY KEY,
    user_id bigint,
    ends_at_ms bigint
) WITH gc_grace_seconds = 7776000
"""

USER_SCHEMA = CassandraSchema("user", [[_ACCOUNTS, _SESSIONS]])
