"""What a member has said and nobody has acknowledged yet; it survives a reload of the page."""

from __future__ import annotations

from dataclasses import dataclass

WINDOW = 8
"""Unanswered messages under way, at most."""


@dataclass
class Pending:
    """One message."""

    client_id: str
    payload: str
    sent_before: bool = False
    under_way: bool = False


class Outbox:
    """Sends in order, a few at a time; after a refusal it goes back to the refused one."""

    def __init__(self) -> None:
        self._pending: list[Pending] = []
        self._holding = False

    def __len__(self) -> int:
        return len(self._pending)

    def add(self, client_id: str, payload: str) -> None:
        self._pending.append(Pending(client_id, payload))

    def take_due(self) -> list[tuple[Pending, bool]]:
        """What is to be sent now, and whether it is a resend; it then counts as under way."""
        due = [] if self._holding else [pending for pending in self._pending[:WINDOW] if not pending.under_way]
        frames = [(pending, pending.sent_before) for pending in due]
        for pending in due:
            pending.sent_before = pending.under_way = True
        return frames

    def acknowledge(self, client_id: str) -> None:
        self._pending = [pending for pending in self._pending if pending.client_id != client_id]

    def is_oldest(self, client_id: str) -> bool:
        return bool(self._pending) and self._pending[0].client_id == client_id

    def go_back(self, client_id: str) -> bool:
        """Hold everything from the refused message on; False where that happened already, or it is none of ours."""
        position = next((place for place, pending in enumerate(self._pending) if pending.client_id == client_id), None)
        if position is None or not self._pending[position].under_way:
            return False
        for pending in self._pending[position:]:
            pending.under_way = False
        self._holding = True
        return True

    def go_on(self) -> None:
        self._holding = False

    def lose_socket(self) -> None:
        """Nothing is under way any more; on the next socket all is sent again."""
        self._holding = False
        for pending in self._pending:
            pending.under_way = False
