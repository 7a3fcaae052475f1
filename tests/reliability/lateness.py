"""How long a connected member waited for what had been acknowledged to the other one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tests.reliability.history import ConversationHistory, Key, LiveSpan


@dataclass(frozen=True)
class Lateness:
    """From the acknowledgement to the first copy on the peer's live socket; 0 where the copy came first."""

    user_id: int
    key: Key
    seconds: float


def lateness_of(history: ConversationHistory) -> Iterator[Lateness]:
    """One entry for each acknowledged message whose receiver was live at that moment.

    Where the receiver's socket ended before the message came, the wait is counted to that end.
    """
    arrived: dict[tuple[int, Key], float] = {}
    for seen in history.observations:
        arrived.setdefault((seen.user_id, seen.message.key), seen.at)
    for key, acknowledged_at in history.acknowledged.items():
        receiver = history.peer_of(key[0])
        arrived_at = arrived.get((receiver, key), float("inf"))
        span = _live_at(history.live, receiver, acknowledged_at)
        if span is not None or arrived_at <= acknowledged_at:
            end = arrived_at if span is None else min(arrived_at, span.ended)
            yield Lateness(receiver, key, max(0.0, end - acknowledged_at))


def _live_at(spans: list[LiveSpan], user_id: int, at: float) -> LiveSpan | None:
    return next((span for span in spans if span.user_id == user_id and span.began <= at < span.ended), None)
