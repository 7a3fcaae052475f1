"""The chat service's tables in SQLite. Steps are only ever added: a database knows how many of them it has taken."""

from __future__ import annotations

from randomchat.infra.sqlite import Schema

_CHANNELS_AND_MESSAGES = """
CREATE TABLE channels (
    id INTEGER PRIMARY KEY,
    first_user INTEGER NOT NULL,
    second_user INTEGER NOT NULL,
    first_seen INTEGER NOT NULL DEFAULT 0,
    second_seen INTEGER NOT NULL DEFAULT 0,
    first_joined_ms INTEGER,
    second_joined_ms INTEGER,
    first_revoked_ms INTEGER NOT NULL DEFAULT 0,
    second_revoked_ms INTEGER NOT NULL DEFAULT 0,
    closed_at_ms INTEGER,
    closed_by INTEGER
) STRICT;
CREATE INDEX channels_by_users ON channels (first_user, second_user);
CREATE INDEX channels_by_second_user ON channels (second_user);

CREATE TABLE tickets (
    id INTEGER PRIMARY KEY,
    channel_id INTEGER NOT NULL
) STRICT;

CREATE TABLE messages ( -- clustered by channel, as all reads are of one; no other index, since each would cost every insert
    channel_id INTEGER NOT NULL,
    id INTEGER NOT NULL,
    sender INTEGER NOT NULL,
    event INTEGER NOT NULL,
    payload TEXT NOT NULL,
    client_id TEXT,
    PRIMARY KEY (channel_id, id)
) STRICT, WITHOUT ROWID;
"""

CHAT_SCHEMA = Schema("chat", [_CHANNELS_AND_MESSAGES])
