"""The chat service's tables in Cassandra. Steps are only ever added: a keyspace knows how many of them it has taken.

Whatever is read is read by its partition key, and every row that is written carries a TTL: retention needs no job.
"""

from __future__ import annotations

from randomchat.infra.cassandra_schema import CassandraSchema

_CHANNELS = """
CREATE TABLE IF NOT EXISTS channels (
    channel_id bigint PRIMARY KEY,
    first_user bigint,
    second_user bigint,
    first_seen bigint,
    second_seen bigint,
    first_joined_ms bigint,
    second_joined_ms bigint,
    first_revoked_ms bigint,
    second_revoked_ms bigint,
    closed_at_ms bigint,
    closed_by bigint
)
"""
_CHANNELS_BY_USER = """
CREATE TABLE IF NOT EXISTS channels_by_user (
    user_id bigint,
    peer_id bigint,
    channel_id bigint,
    side tinyint,
    PRIMARY KEY (user_id, peer_id, channel_id)
)
"""
_TICKETS = """
CREATE TABLE IF NOT EXISTS tickets (
    ticket_id bigint PRIMARY KEY,
    channel_id bigint,
    partner_id bigint,
    not_after_ms bigint,
    refused map<bigint, boolean>
)
"""
# Rows are written once and end by their TTL alone, so that whole files end at once, and no repair can bring one back to life.
_MESSAGES = """
CREATE TABLE IF NOT EXISTS messages (
    channel_id bigint,
    message_id bigint,
    sender bigint,
    event tinyint,
    payload text,
    client_id text,
    PRIMARY KEY (channel_id, message_id)
) WITH CLUSTERING ORDER BY (message_id DESC)
AND compaction = {
    'class': 'TimeWindowCompactionStrategy', 'compaction_window_unit': 'DAYS', 'compaction_window_size': 1
} AND gc_grace_seconds = 86400
"""

CHAT_SCHEMA = CassandraSchema("chat", [[_CHANNELS, _CHANNELS_BY_USER, _TICKETS, _MESSAGES]])
