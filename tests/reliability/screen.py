"""What a person sees, by the contract's rules for clients."""

from __future__ import annotations

from tests.reliability.history import Key, StoredMessage


class Screen:
    """One line for each message of a sender; where a message came under two ids, the smaller one gives its place."""

    def __init__(self) -> None:
        self._lines: dict[Key, StoredMessage] = {}

    def show(self, message: StoredMessage) -> None:
        shown = self._lines.get(message.key)
        if shown is None or message.message_id < shown.message_id:
            self._lines[message.key] = message

    @property
    def lines(self) -> list[StoredMessage]:
        return sorted(self._lines.values(), key=lambda message: message.message_id)
