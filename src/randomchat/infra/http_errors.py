"""How a refusal appears in HTTP: its status, and one JSON body for all of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from email.utils import formatdate
from http import HTTPStatus

from starlette.responses import JSONResponse, Response
from starlette.status import HTTP_429_TOO_MANY_REQUESTS, HTTP_503_SERVICE_UNAVAILABLE

from randomchat.errors import RandomchatError

_LATER = {HTTP_429_TOO_MANY_REQUESTS, HTTP_503_SERVICE_UNAVAILABLE}


def error_body(error: RandomchatError) -> dict[str, object]:
    """The JSON body of a refusal."""
    return {"msg": error.message, "code": error.code, "retryable": error.retryable}


def error_response(error: RandomchatError, headers: Mapping[str, str] | None = None) -> Response:
    """The whole answer; `Retry-After` is there where the time is known, and always with 429 and 503."""
    all_headers = {"Cache-Control": "no-store", **(headers or {})}
    if error.retry_after_s is not None or error.spec.http in _LATER:
        all_headers["Retry-After"] = str(max(1, math.ceil(error.retry_after_s or 1)))
    return JSONResponse(error_body(error), error.spec.http, all_headers)


def raw_error_response(error: RandomchatError, headers: Mapping[str, str] | None = None) -> bytes:
    """The whole answer as it goes over the wire, for requests that no application sees; the connection ends with it."""
    response = error_response(error, {"Date": formatdate(usegmt=True), "Connection": "close", **(headers or {})})
    lines = [f"HTTP/1.1 {response.status_code} {HTTPStatus(response.status_code).phrase}".encode()]
    lines += [name + b": " + value for name, value in response.raw_headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + bytes(response.body)
