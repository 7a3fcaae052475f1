"""How a WebSocket's handshake is judged."""

from __future__ import annotations

from http import HTTPStatus

from websockets.datastructures import Headers
from websockets.http11 import Response
from websockets.server import ServerProtocol

from randomchat.errors import InvalidInput, RandomchatError
from randomchat.infra.http_errors import error_response

_REFUSALS = {413: "too_large", 414: "uri_too_long", 431: "headers_too_large", 500: "internal"}


class Handshake(ServerProtocol):
    """Frames and handshake, whose refusals look like all others."""

    def reject(self, status: HTTPStatus | int, text: str) -> Response:  # noqa: ARG002 - the text would repeat the request
        error = RandomchatError(code=_REFUSALS.get(int(status), "bad_request"))
        if error.code == "bad_request":
            error = InvalidInput("This is not a valid WebSocket handshake.")
        answer = error_response(error, {"Connection": "close", "Sec-WebSocket-Version": "13"})
        headers = Headers([(name.decode(), value.decode()) for name, value in answer.raw_headers])
        return Response(answer.status_code, HTTPStatus(answer.status_code).phrase, headers, bytes(answer.body))
