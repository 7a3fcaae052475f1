"""What is counted of the posts between nodes."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter


class KafkaMetrics:
    """The counters of one process, in its registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.sent = Counter("randomchat_kafka_posts_sent_total", "Posts handed to Kafka's client.", registry=registry)
        self.lost = Counter("randomchat_kafka_posts_lost_total", "Posts that Kafka did not take.", ["reason"], registry=registry)
        self.received = Counter("randomchat_kafka_posts_received_total", "Posts read from Kafka.", registry=registry)
