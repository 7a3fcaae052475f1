"""The cookie that tells who a browser is: every service that is asked by browsers reads it, one of them sets it."""

from __future__ import annotations

from starlette.types import Scope

SESSION_COOKIE = "sid"


def read_session_cookie(scope: Scope) -> str:
    """The cookie's value in a request or an upgrade; "" where it is not there exactly once.

    More than one means that somebody set a second, for a wider domain perhaps: nobody can tell whose is the right one.
    """
    values = []
    for header, value in scope["headers"]:
        if header == b"cookie":
            pairs = (pair.strip().partition("=") for pair in value.decode("latin-1").split(";"))
            values += [content for name, _, content in pairs if name == SESSION_COOKIE]
    return values[0] if len(values) == 1 else ""
