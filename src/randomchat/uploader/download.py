"""How the bytes of strangers are served from the product's own origin, so that they can do no harm there."""

from __future__ import annotations

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from randomchat.errors import RandomchatError
from randomchat.infra.file_types import file_type
from randomchat.infra.http_errors import error_response
from randomchat.infra.object_store import ObjectKey, ObjectStore, OpenObject, StoredObject
from randomchat.uploader.byte_ranges import Unsatisfiable, is_known, requested_range

POLICY = "sandbox; default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'"
"""Should a file ever be opened as a page, it is one without scripts and of no origin."""
MAX_AGE_S = 300


class ObjectResponse(Response):
    """An object, or a part of it; what the request's headers say is looked at when it is sent."""

    def __init__(self, objects: ObjectStore, key: ObjectKey, name: str | None) -> None:
        """`name`: what to save the file as; the key's own name where nobody said."""
        super().__init__()
        self._objects = objects
        self._key = key
        self._name = name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._objects.open(self._key) as opened:
            await self._answer(Request(scope), opened)(scope, receive, send)

    def _answer(self, request: Request, opened: OpenObject) -> Response:
        headers = _headers(opened.info, self._name)
        size, asked = opened.info.size, request.headers
        if is_known(asked.get("if-none-match"), headers["ETag"]):
            return Response(status_code=304, headers=headers)
        try:
            part = requested_range(asked.get("range"), asked.get("if-range"), size, headers["ETag"])
        except Unsatisfiable:
            return error_response(RandomchatError(code="range_not_satisfiable"), {"Content-Range": f"bytes */{size}"})
        if request.method == "HEAD":
            return Response(headers={**headers, "Content-Length": str(size)})
        if part is None:
            return StreamingResponse(opened.read(0, size), headers={**headers, "Content-Length": str(size)})
        headers |= {"Content-Length": str(part.stop - part.start), "Content-Range": part.content_range(size)}
        return StreamingResponse(opened.read(part.start, part.stop), 206, headers)


def _headers(info: StoredObject, name: str | None) -> dict[str, str]:
    kind = file_type(info.key.ext)
    disposition = "inline" if kind.shown else "attachment"
    return {
        "Content-Type": f"{kind.mime}; charset=utf-8" if kind.mime.startswith("text/") else kind.mime,
        "Content-Disposition": f"{disposition}; filename*=UTF-8''{quote(name or info.key.file_name, safe='')}",
        "Content-Security-Policy": POLICY,
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        "Accept-Ranges": "bytes",
        "ETag": f'"{info.etag}"',
        "Cache-Control": f"private, max-age={MAX_AGE_S}, immutable" if info.promoted else "private, no-cache",
    }
