"""The user service's tables in SQLite. Steps are only ever added: a database knows how many of them it has taken."""

from __future__ import annotations

from randomchat.infra.sqlite import Schema

_ACCOUNTS_AND_SESSIONS = """
CREATE TABLE accounts (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    picture TEXT NOT NULL,
    live_until_ms INTEGER NOT NULL -- when the last of its sessions ends or ended
) STRICT;
CREATE INDEX accounts_by_end ON accounts (live_until_ms);

CREATE TABLE sessions (
    token_hash BLOB PRIMARY KEY,
    user_id INTEGER NOT NULL,
    ends_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_by_end ON sessions (ends_at_ms);
CREATE INDEX sessions_by_user ON sessions (user_id, ends_at_ms);
"""

USER_SCHEMA = Schema("user", [_ACCOUNTS_AND_SESSIONS])
