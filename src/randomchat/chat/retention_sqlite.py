"""What retention removes from SQLite, and how it is found: by the time in the ids, without a look at every row."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from randomchat.ids import first_id_at

_FIND_IN_MESSAGES = """
WITH RECURSIVE walk (channel_id) AS (
    SELECT min(channel_id) FROM messages
    UNION ALL
    SELECT (SELECT min(channel_id) FROM messages WHERE channel_id > walk.channel_id) FROM walk WHERE walk.channel_id < :cut
)
SELECT channel_id FROM walk
WHERE channel_id < :cut AND (SELECT min(id) FROM messages WHERE channel_id = walk.channel_id) < :cut LIMIT :limit
"""
"""Leaps from channel to channel. It does not start from `channels`: a message may outlive its channel for a moment."""

_CHANNEL_IS_EXPIRED = """
id < :cut AND (closed_at_ms < :before_ms OR NOT EXISTS (SELECT 1 FROM messages WHERE channel_id = channels.id))
"""
_FIND_CHANNELS = f"SELECT id FROM channels WHERE {_CHANNEL_IS_EXPIRED} LIMIT :limit"  # noqa: S608 - of our own text only
_FIND_TICKETS = "SELECT id FROM tickets WHERE id < :cut LIMIT :limit"

_DELETE_MESSAGES = """
DELETE FROM messages WHERE channel_id = :channel AND id IN (
    SELECT id FROM messages WHERE channel_id = :channel AND id < :cut ORDER BY id LIMIT :limit
)
"""
_DELETE_CHANNEL = f"DELETE FROM channels WHERE id = :channel AND {_CHANNEL_IS_EXPIRED}"  # noqa: S608 - of our own text only
_DELETE_TICKET = "DELETE FROM tickets WHERE id = ?"


@dataclass(frozen=True, slots=True)
class Expired:
    """Where there is something to remove: channels by their messages, channels, tickets."""

    message_channels: list[int]
    channels: list[int]
    tickets: list[int]

    def __bool__(self) -> bool:
        return bool(self.message_channels or self.channels or self.tickets)


def find_expired(connection: sqlite3.Connection, before_ms: int, limit: int) -> Expired:
    """At most `limit` of each kind."""
    bounds = {"cut": first_id_at(before_ms), "before_ms": before_ms, "limit": limit}
    found = [
        [row[0] for row in connection.execute(query, bounds)] for query in (_FIND_IN_MESSAGES, _FIND_CHANNELS, _FIND_TICKETS)
    ]
    return Expired(*found)


def delete_expired(connection: sqlite3.Connection, expired: Expired, before_ms: int, limit: int) -> int:
    """Remove at most `limit` rows of what was found; how many. A channel that got a message meanwhile is left alone."""
    bounds = {"cut": first_id_at(before_ms), "before_ms": before_ms}
    left = limit
    for channel in expired.message_channels:
        left -= connection.execute(_DELETE_MESSAGES, {**bounds, "channel": channel, "limit": left}).rowcount
    for channel in expired.channels[:left]:
        left -= connection.execute(_DELETE_CHANNEL, {**bounds, "channel": channel}).rowcount
    for ticket in expired.tickets[:left]:
        left -= connection.execute(_DELETE_TICKET, (ticket,)).rowcount
    return limit - left
