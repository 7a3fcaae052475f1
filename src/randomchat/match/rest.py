"""What the match service answers to plain requests, and its OpenAPI document."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import FastAPI, Query, Security
from fastapi.security import APIKeyCookie

from randomchat.errors import RandomchatError
from randomchat.infra.http_app import ErrorBody, create_api
from randomchat.infra.session_cookie import SESSION_COOKIE

_DESCRIPTION = """\
Upgrades to a WebSocket on which the person waits for a partner. The cookie tells who.

The server sends a waiting frame at once and then every few seconds:
`{"access_token": "", "channel_id": "", "status": "waiting", "waited_ms": 0}`. Once there is a partner it sends
`{"access_token": "…", "channel_id": "…", "status": "matched", "common_interests": ["music"]}` and closes with 1000.

A person has one place in the queue, however many sockets wait; each of them gets the result. A lost socket loses neither the
place, if a new one comes within 2 seconds, nor a result: it is given again for a minute, until the person's chat socket connects.

The newest request's interests and language count. Languages are compared without region and script. A person with interests
first waits for a common one, a person with a language for the same one; after some seconds (settings `match.widening`) anyone
will do. Who names neither takes anyone at once.

Other close codes: 1012 the server is going away (reconnect), 4012 a part of it is away (reconnect), 4501 signed out,
4508 too many frames were sent, 4509 too many sockets of one person.
"""
_UPGRADE: dict[int | str, dict[str, Any]] = {
    101: {"description": "The WebSocket begins."},
    400: {"model": ErrorBody, "description": "A parameter is malformed, or the request is no upgrade (`upgrade_required`)."},
    401: {"model": ErrorBody, "description": "There is no live session."},
    404: {"model": ErrorBody, "description": "The session's account is gone."},
}
_Session = Security(
    APIKeyCookie(name=SESSION_COOKIE, scheme_name="session", description="Set by `POST /api/user`.", auto_error=False)
)
_Interests = Annotated[
    str,
    Query(
        description="Comma-separated: up to 10, each of 1 to 30 characters; case and width do not matter.", examples=["music,art"]
    ),
]
_Language = Annotated[str, Query(alias="lang", description="A BCP 47 language tag.", examples=["en", "pt-BR"])]


def create_rest() -> FastAPI:
    """Refuses every request that is no upgrade."""
    rest = create_api("match", "Pairs people who wait.")

    @rest.get("/api/match", status_code=101, description=_DESCRIPTION, responses=_UPGRADE, dependencies=[_Session])
    async def wait_for_a_partner(interests: _Interests = "", lang: _Language = "") -> None:  # noqa: ARG001 - for the document
        raise RandomchatError(code="upgrade_required")

    return rest
