"""Channel tokens: what lets one member into one channel."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import jwt

from randomchat.clock import Clock
from randomchat.errors import Unauthorized
from randomchat.ids import ChannelId, UserId, parse_id

ALGORITHM = "HS256"
KEY_MIN_BYTES = 32


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says. Times in Unix seconds."""

    user_id: UserId
    channel_id: ChannelId
    issued_at_s: int
    expires_at_s: int


class ChannelTokens:
    """Signs and verifies. The first key signs; all are accepted, so that a key can be replaced while tokens live."""

    def __init__(self, keys: Sequence[bytes], ttl_s: float, clock: Clock) -> None:
        """`keys`: secrets of at least 32 bytes. `ttl_s`: how long a token is good."""
        if not keys or any(len(key) < KEY_MIN_BYTES for key in keys):
            raise ValueError(f"a token key must have at least {KEY_MIN_BYTES} bytes")
        self._keys = {hashlib.sha256(key).hexdigest()[:8]: key for key in keys}
        self._signing = next(iter(self._keys))
        self._ttl_s = ttl_s
        self._clock = clock

    def issue(self, channel_id: ChannelId, user_id: UserId, issued_at_s: int | None = None) -> str:
        """A fresh token. `issued_at_s`: that of the token which it renews, so that a sign-out meanwhile voids it too."""
        now_s = self._clock.wall_ms() // 1000
        issued_at_s = now_s if issued_at_s is None else issued_at_s
        claims = {"sub": str(user_id), "channel": str(channel_id), "iat": issued_at_s, "exp": math.ceil(now_s + self._ttl_s)}
        return jwt.encode(claims, self._keys[self._signing], ALGORITHM, headers={"kid": self._signing})

    def verify(self, token: str) -> Claims:
        """What a token says. Raises `Unauthorized` where it is not ours, was changed, or has expired."""
        try:
            key = self._keys[jwt.get_unverified_header(token)["kid"]]
            claims = jwt.decode(token, key, [ALGORITHM], options={"verify_exp": False, "verify_iat": False, "verify_sub": False})
            user_id, channel_id = parse_id(claims["sub"]), parse_id(claims["channel"])
            issued_at_s, expires_at_s = int(claims["iat"]), int(claims["exp"])
        except (jwt.PyJWTError, KeyError, TypeError, ValueError, OverflowError, AttributeError):
            raise Unauthorized from None
        if user_id is None or channel_id is None or expires_at_s * 1000 <= self._clock.wall_ms():
            raise Unauthorized
        return Claims(UserId(user_id), ChannelId(channel_id), issued_at_s, expires_at_s)
