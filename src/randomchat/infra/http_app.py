"""The REST side of a service: one FastAPI application whose every refusal looks the same."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, TypeVar

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from randomchat import __version__
from randomchat.errors import ERRORS, InvalidInput, NotFound, RandomchatError, TooLarge
from randomchat.infra.http_errors import error_body, error_response
from randomchat.infra.websocket import refuse_upgrade

__all__ = ["body_of", "create_api", "error_body", "error_response", "read_json"]

BODY_MAX_BYTES = 64 * 1024
BODY_TIMEOUT_S = 30.0
"""How long a body of JSON may take: byte by byte it could come for weeks."""

_CODES = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
}

T = TypeVar("T", bound=BaseModel)

_log = structlog.get_logger()


class ErrorBody(BaseModel):
    """What every refusal answers: a sentence for a person, a stable code, and whether the same request may succeed later."""

    msg: str
    code: str
    retryable: bool


def create_api(service: str, summary: str) -> FastAPI:
    """An application without routes. `summary`: what the service does, for its OpenAPI document."""
    refusal: dict[str, Any] = {"model": ErrorBody, "description": "A refusal."}
    api = FastAPI(
        title=f"randomchat {service}",
        summary=summary,
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        responses={"4XX": refusal, "5XX": refusal},
    )
    api.add_middleware(_Fence)
    api.add_exception_handler(RandomchatError, _on_refusal)
    api.add_exception_handler(RequestValidationError, _on_invalid_request)
    api.add_exception_handler(HTTPException, _on_http_exception)
    return api


async def read_json(request: Request, shape: type[T]) -> T:
    """The request's body, whatever its `Content-Type` says.

    Types are strict: a number is no string. Raises `TooLarge` above 64 KiB, and `InvalidInput` that names the field.
    """
    try:
        return shape.model_validate_json(await _read_body(request), strict=True)
    except ValidationError as error:
        raise InvalidInput(_sentence(error.errors(include_url=False, include_context=False)[0])) from None


def body_of(shape: type[BaseModel]) -> dict[str, Any]:
    """The `openapi_extra` of a route that uses `read_json`."""
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": shape.model_json_schema()}}}}


async def _read_body(request: Request) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > BODY_MAX_BYTES:
                    raise TooLarge(f"The body may be at most {BODY_MAX_BYTES} bytes long.")
    except TimeoutError:
        raise InvalidInput(f"The body did not come in within {BODY_TIMEOUT_S:.0f} s.") from None
    return bytes(body)


def _sentence(problem: Mapping[str, Any]) -> str:
    field = ".".join(str(part) for part in problem["loc"] if part not in {"query", "path", "header", "cookie", "body"})
    if problem["type"] == "json_invalid":
        return "The body is not valid JSON in UTF-8."
    if not field:
        return "The body must be a JSON object."
    return f"{field}: {problem['msg'].removeprefix('Value error, ')}."


async def _on_refusal(_: Request, error: Exception) -> Response:
    assert isinstance(error, RandomchatError)
    return error_response(error)


async def _on_invalid_request(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return error_response(InvalidInput(_sentence(error.errors()[0])))


async def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = _CODES.get(error.status_code, "bad_request" if error.status_code < 500 else "internal")
    headers = {"Allow": ", ".join(_methods_of(request))} if code == "method_not_allowed" else None
    return error_response(RandomchatError(ERRORS[code].message, code=code), headers)


def _methods_of(request: Request) -> list[str]:
    """All methods of the path; the framework names only those of the first route that fits."""
    methods: set[str] = set()
    for route in request.app.routes:
        if route.matches(request.scope)[0] is not Match.NONE:
            methods |= getattr(route, "methods", None) or set()
    return sorted(methods)


class _Fence:
    """Lets no error out but as an answer, and keeps every answer out of caches.

    The framework's own handler of unexpected errors raises them once more, after its answer.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await refuse_upgrade(scope, receive, send, NotFound())
            return
        started = False

        async def send_uncached(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start" and not started:
                started = True
                message = {**message, "headers": _uncached(message.get("headers", []))}
            await send(message)

        try:
            await self._app(scope, receive, send_uncached)
        except ClientDisconnect:
            return
        except Exception:
            _log.exception("a request failed", method=scope.get("method"), path=scope.get("path"))
            if started:
                raise
            await error_response(RandomchatError())(scope, receive, send)


def _uncached(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    if not any(name.lower() == b"cache-control" for name, _ in headers):
        headers = [*headers, (b"cache-control", b"no-store")]
    return [*headers, (b"x-content-type-options", b"nosniff")]
