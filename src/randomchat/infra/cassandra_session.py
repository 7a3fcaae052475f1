"""A session with a Cassandra cluster, as the settings describe it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import acsylla

from randomchat.config import CassandraSettings, SettingsError

COALESCE_US = 1000
"""For how long the driver's thread looks out for more requests after one. Requests do not wait for it.

Measured at 500 inserts a second: 20 CPU-s per 100,000 with 1000 and with more, 25 with 200, the driver's own choice.
"""

RECONNECT_MS = (100, 500)
HEARTBEAT_S = 5
SILENT_S = 15
"""A connection on which not even heartbeats are answered for so long is given up."""


def make_cluster(settings: CassandraSettings) -> acsylla.Cluster:
    """What makes sessions, for the running event loop. It holds sockets until it is told to `destroy` them."""
    return acsylla.create_cluster(
        settings.hosts,
        port=settings.port,
        username=settings.username or None,
        password=settings.password.get_secret_value() if settings.username else None,
        connect_timeout=settings.timeout_s,
        resolve_timeout=settings.timeout_s,
        request_timeout=settings.timeout_s,
        consistency=acsylla.Consistency.LOCAL_QUORUM,
        serial_consistency=acsylla.Consistency.LOCAL_SERIAL,
        load_balance_dc_aware=settings.data_center,
        exponential_reconnect_base_delay_ms=RECONNECT_MS[0],
        exponential_reconnect_max_delay_ms=RECONNECT_MS[1],
        heartbeat_interval_sec=HEARTBEAT_S,
        idle_timeout_sec=SILENT_S,
        coalesce_delay_us=COALESCE_US,
        log_level="disabled",  # it says every half second that a node is away
        application_name="randomchat",
        **_tls(settings),
    )


@asynccontextmanager
async def session_in(settings: CassandraSettings, keyspace: str | None) -> AsyncIterator[acsylla.Session]:
    """A session in a keyspace, or in none. Raises `CassException` where nobody answers or the keyspace is not there."""
    cluster = make_cluster(settings)
    try:
        session = await cluster.create_session(keyspace=keyspace)
        try:
            yield session
        finally:
            await session.close()
    finally:
        cluster.destroy()


def check_tls(settings: CassandraSettings) -> None:
    """Raise `SettingsError` where the encrypted connection can't be made as the settings say."""
    tls = settings.tls
    if tls.enabled and tls.ca_file is None:
        raise SettingsError("cassandra.tls.ca_file: is needed where cassandra.tls.enabled is set")
    for file in (tls.ca_file, tls.cert_file, tls.key_file):
        if tls.enabled and file is not None and not file.is_file():
            raise SettingsError(f"cassandra.tls: there is no file {file}")


def _tls(settings: CassandraSettings) -> dict[str, object]:
    """The driver wants the certificates themselves.

    Whoever shows one that `ca_file` has signed is believed: nodes are found by their addresses, which certificates seldom name.
    """
    tls = settings.tls
    if not tls.enabled:
        return {}
    return {
        "ssl_enabled": True,
        "ssl_trusted_cert": _text(tls.ca_file),
        "ssl_cert": _text(tls.cert_file),
        "ssl_private_key": _text(tls.key_file),
        "ssl_verify_flags": acsylla.SSLVerifyFlags.PEER_CERT,
    }


def _text(file: Path | None) -> str | None:
    return None if file is None else file.read_text("ascii")
