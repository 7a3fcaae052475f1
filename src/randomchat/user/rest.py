"""The user service's routes."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import FastAPI, Query, Request, Response, Security
from fastapi.security import APIKeyCookie
from pydantic import BaseModel, Field
from starlette.requests import HTTPConnection

from randomchat.config import Settings
from randomchat.errors import InvalidInput
from randomchat.ids import UserId, parse_id
from randomchat.infra.http_app import ErrorBody, body_of, create_api, read_json
from randomchat.infra.session_cookie import SESSION_COOKIE, read_session_cookie
from randomchat.infra.websocket import address_key, client_address
from randomchat.interfaces.user import Account
from randomchat.user.service import UserService

_DAY_S = 24 * 3600
_TEXT = {"schema": {"type": "string"}}


class NewAccount(BaseModel):
    """What a person says when they come."""

    name: str = Field(
        description="1 to 15 characters (the server's `user.name_max_chars`), white space around it not counted; no control "
        "characters, none that change the direction of text, and at least one that can be seen.",
        json_schema_extra={"minLength": 1},
        examples=["Ada"],
    )


class CreatedAccount(BaseModel):
    """A new account; the answer also sets the session's cookie."""

    id: str = Field(description="A decimal number.", examples=["3774873600000000001"])
    name: str = Field(description="The name as it is shown from now on.", examples=["Ada"])


class AccountView(CreatedAccount):
    """An account as people see it."""

    picture: str = Field(description="A URL, or empty where there is no picture.")


class _SessionToken(APIKeyCookie):
    """The cookie's value, read as every service reads it; its base class puts it into the OpenAPI document."""

    def __init__(self) -> None:
        super().__init__(name=SESSION_COOKIE, scheme_name="session", description="Set by `POST /api/user`.", auto_error=False)

    async def __call__(self, request: HTTPConnection) -> str:
        return read_session_cookie(request.scope)


SessionToken = Annotated[str, Security(_SessionToken())]
SoughtId = Annotated[str, Query(description="Whose account: an id.", json_schema_extra={"pattern": "^[1-9][0-9]{0,18}$"})]


class UserRoutes:
    """Reads requests and writes answers; what happens in between is the service's."""

    def __init__(self, service: UserService, settings: Settings) -> None:
        self._service = service
        self._cookie_max_age_s = int(settings.user.session_days * _DAY_S)
        self._behind_tls = urlsplit(settings.public_url).scheme == "https"

    def add_to(self, api: FastAPI) -> None:
        api.add_api_route(
            "/api/user",
            self.create,
            methods=["POST"],
            status_code=201,
            summary="Create an account and sign in",
            responses={
                201: {"description": "The account; its session's cookie is set.", "headers": {"Set-Cookie": _TEXT}},
                **_refusals({400: "The name can't be taken."}),
                429: {
                    "model": ErrorBody,
                    "description": "Too many accounts from one address.",
                    "headers": {"Retry-After": _TEXT},
                },
            },
            openapi_extra=body_of(NewAccount),
        )
        api.add_api_route(
            "/api/user",
            self.get_visible,
            methods=["GET"],
            summary="See oneself, or somebody one shares or shared a channel with",
            responses=_refusals({400: "Not an id.", 401: "No live session.", 404: "Nobody whom the caller may see."}),
        )
        api.add_api_route(
            "/api/user/me",
            self.get_me,
            methods=["GET"],
            summary="See oneself",
            responses=_refusals({401: "No live session.", 404: "The account is gone."}),
        )
        api.add_api_route(
            "/api/user/logout",
            self.logout,
            methods=["POST"],
            status_code=204,
            summary="End the session, the person's channel tokens and sockets",
            responses={
                204: {"description": "The session is over; its cookie is cleared.", "headers": {"Set-Cookie": _TEXT}},
                **_refusals({401: "No live session.", 503: "The session is not over; try again."}),
            },
        )

    async def create(self, request: Request, response: Response) -> CreatedAccount:
        """Always a new account, even for a caller who is signed in."""
        wanted = await read_json(request, NewAccount)
        account, token = await self._service.create(wanted.name, address_key(client_address(request.scope)))
        self._set_cookie(request, response, token, self._cookie_max_age_s)
        return CreatedAccount(id=str(account.id), name=account.name)

    async def get_visible(self, session_token: SessionToken, uid: SoughtId) -> AccountView:
        """Anybody else is 404, as if there were no such person."""
        caller = await self._service.authenticate(session_token)
        user_id = parse_id(uid)
        if user_id is None:
            raise InvalidInput("uid: must be an id, a decimal number.")
        return _view(await self._service.get_visible(caller, UserId(user_id)))

    async def get_me(self, session_token: SessionToken) -> AccountView:
        """The account of the session."""
        return _view(await self._service.authenticate(session_token))

    async def logout(self, session_token: SessionToken, request: Request, response: Response) -> None:
        """Channel tokens are void from now on, and chat sockets close with 4501."""
        await self._service.logout(session_token)
        self._set_cookie(request, response, "", 0)

    def _set_cookie(self, request: Request, response: Response, value: str, max_age_s: int) -> None:
        response.set_cookie(
            SESSION_COOKIE,
            value,
            max_age=max_age_s,
            path="/",
            secure=self._behind_tls or request.url.scheme == "https",
            httponly=True,
            samesite="lax",
        )


def create_app(service: UserService, settings: Settings) -> FastAPI:
    """The user service's application."""
    api = create_api("user", "Accounts, and who is signed in.")
    UserRoutes(service, settings).add_to(api)
    return api


def _view(account: Account) -> AccountView:
    return AccountView(id=str(account.id), name=account.name, picture=account.picture)


def _refusals(sentences: dict[int, str]) -> dict[int | str, dict[str, Any]]:
    return {status: {"model": ErrorBody, "description": sentence} for status, sentence in sentences.items()}
