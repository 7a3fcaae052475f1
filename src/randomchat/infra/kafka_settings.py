"""What the Kafka client and the topics are told, out of the settings."""

from __future__ import annotations

from typing import Any

from randomchat.config import KafkaSettings

RETENTION_MS = 10 * 60 * 1000
SEGMENT_BYTES = 16 << 20
POST_TIMEOUT_MS = 3000
QUEUE_MAX_POSTS, QUEUE_MAX_KB = 20_000, 16 * 1024
"""What may wait for a broker that is away: so little that memory does not grow, and for 3 s only."""
UNREAD_MAX_POSTS, UNREAD_MAX_KB = 2000, 4 * 1024


def client_settings(settings: KafkaSettings) -> dict[str, Any]:
    """What all clients have in common."""
    secure = "SASL_SSL" if settings.sasl_mechanism else "SSL"
    open_ = "SASL_PLAINTEXT" if settings.sasl_mechanism else "PLAINTEXT"
    return {
        "bootstrap.servers": ",".join(settings.brokers),
        "client.id": "randomchat",
        "security.protocol": secure if settings.tls.enabled else open_,
        **_sasl(settings),
        **_tls(settings),
        # A broker that is away is noticed, and found again, within seconds.
        "socket.timeout.ms": 4000,
        "socket.connection.setup.timeout.ms": 3000,
        "socket.keepalive.enable": True,
        "reconnect.backoff.max.ms": 1000,
        "topic.metadata.propagation.max.ms": 1000,
        "allow.auto.create.topics": False,
        "log_level": 0,  # it would write to standard error, at each attempt; what matters is logged by `Kafka`
    }


def producer_settings(settings: KafkaSettings) -> dict[str, Any]:
    return {
        **client_settings(settings),
        "acks": "all",
        "enable.idempotence": True,
        # With more, the client's thread takes a whole core for as long as that many wait for a broker that is slow or away.
        "max.in.flight": 1,
        "linger.ms": 0,  # `KafkaProducer` gathers posts itself
        "message.timeout.ms": POST_TIMEOUT_MS,
        "queue.buffering.max.messages": QUEUE_MAX_POSTS,
        "queue.buffering.max.kbytes": QUEUE_MAX_KB,
        "delivery.report.only.error": True,
    }


def consumer_settings(settings: KafkaSettings, name: str) -> dict[str, Any]:
    """Of a reader of one topic from a known offset. It is in no group, but the client wants a name for one."""
    return {
        **client_settings(settings),
        "group.id": name,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "earliest",  # where the offset has been deleted meanwhile
        "queued.min.messages": UNREAD_MAX_POSTS,
        "queued.max.messages.kbytes": UNREAD_MAX_KB,
        "fetch.queue.backoff.ms": 50,
        "fetch.error.backoff.ms": 100,
    }


def topic_settings(settings: KafkaSettings) -> dict[str, str]:
    """Of a node's topic. Kafka removes whole segments only, hence their size and age."""
    return {
        "retention.ms": str(RETENTION_MS),
        "segment.ms": str(RETENTION_MS // 2),
        "segment.bytes": str(SEGMENT_BYTES),
        "min.insync.replicas": str(settings.min_insync),
        "message.timestamp.type": "LogAppendTime",  # retention must not depend on the nodes' clocks
    }


def _sasl(settings: KafkaSettings) -> dict[str, str]:
    if not settings.sasl_mechanism:
        return {}
    return {
        "sasl.mechanism": settings.sasl_mechanism,
        "sasl.username": settings.username,
        "sasl.password": settings.password.get_secret_value(),
    }


def _tls(settings: KafkaSettings) -> dict[str, str]:
    files = {
        "ssl.ca.location": settings.tls.ca_file,
        "ssl.certificate.location": settings.tls.cert_file,
        "ssl.key.location": settings.tls.key_file,
    }
    return {key: str(file) for key, file in files.items() if file and settings.tls.enabled}
