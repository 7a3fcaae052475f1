"""Who may upload and download: whoever has a channel token, which the chat service judges."""

from __future__ import annotations

import hashlib
from collections import OrderedDict

from randomchat.clock import Clock
from randomchat.interfaces.chat import ChatApi, TokenHolder

MAX_REMEMBERED = 10_000


class Admission:
    """Asks the chat service, and believes a good answer for a while."""

    def __init__(self, chat: ChatApi, clock: Clock, *, remember_s: float) -> None:
        """`remember_s`: for how long after its end a token may still be good here; 0 where asking costs next to nothing."""
        self._chat = chat
        self._clock = clock
        self._remember_s = remember_s
        self._good_until: OrderedDict[bytes, tuple[TokenHolder, float]] = OrderedDict()

    async def admit(self, token: str) -> TokenHolder:
        """Whose a token is. Raises `Unauthorized`; `Unavailable` where the chat service does not answer."""
        name = hashlib.sha256(token.encode(errors="replace")).digest()
        holder, until_s = self._good_until.get(name, (None, 0.0))
        if holder is not None and self._clock.boot_s() < until_s:
            return holder
        holder = await self._chat.verify_token(token)
        self._remember(name, holder)
        return holder

    def _remember(self, name: bytes, holder: TokenHolder) -> None:
        if not self._remember_s:
            return
        self._good_until[name] = (holder, self._clock.boot_s() + self._remember_s)
        self._good_until.move_to_end(name)
        if len(self._good_until) > MAX_REMEMBERED:
            self._good_until.popitem(last=False)
