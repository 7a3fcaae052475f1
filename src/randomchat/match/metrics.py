"""What the match service counts."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge


class MatchMetrics:
    """The numbers of one match node."""

    def __init__(self, registry: CollectorRegistry, *, waiting: Callable[[], int], unknown_posts: Callable[[], int]) -> None:
        self.matches = Counter(
            "randomchat_match_matches_total", "Pairs for whom this node has made a channel.", registry=registry
        )
        self.refused = Counter(
            "randomchat_match_confirmations_refused_total",
            "Partners who were gone or taken when asked, or silent.",
            registry=registry,
        )
        self.not_made = Counter(
            "randomchat_match_channels_not_made_total", "Pairs who agreed, and got no channel in time.", registry=registry
        )
        Gauge("randomchat_match_tickets_waiting", "People who wait on this node.", registry=registry).set_function(waiting)
        Gauge(
            "randomchat_match_posts_unknown", "Posts of another version or kind that were dropped.", registry=registry
        ).set_function(unknown_posts)
