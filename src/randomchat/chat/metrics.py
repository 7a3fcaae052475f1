"""What the chat service counts."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge


class ChatMetrics:
    """The counters of one node, in the registry of its process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.sockets = Gauge("randomchat_chat_sockets", "Live sockets.", registry=registry)
        self.stored = Counter("randomchat_chat_messages_stored_total", "Messages stored.", registry=registry)
        self.delivered = Counter("randomchat_chat_messages_delivered_total", "Copies handed to sockets.", registry=registry)
        self.refused = Counter("randomchat_chat_messages_refused_total", "Messages refused.", ["code"], registry=registry)
        self.swept = Counter("randomchat_chat_messages_swept_total", "Copies that only a sweep delivered.", registry=registry)
        self.sweeps = Counter("randomchat_chat_sweeps_total", "Sweeps.", ["outcome"], registry=registry)
        self.posts = Counter("randomchat_chat_posts_total", "Posts received.", ["kind"], registry=registry)
        self.closed = Counter("randomchat_chat_sockets_closed_total", "Sockets the server closed.", ["code"], registry=registry)
