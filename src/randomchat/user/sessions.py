"""The session cookie: an opaque random value, of which only the hash is kept."""

from __future__ import annotations

import hashlib
import secrets

_TOKEN_BYTES = 32


def new_session_token() -> str:
    """A cookie value of 256 random bits."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


def hash_session_token(token: str) -> bytes:
    """What is stored of a cookie's value, or looked for, whatever a client sent as one.

    One round of SHA-256 is enough: unlike a password, 256 random bits can't be guessed from their hash.
    """
    return hashlib.sha256(token.encode(errors="replace")).digest()
