"""How the bytes of strangers are served from the product's own origin, so that they can do no harm there."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from randomchat.errors import RandomchatError
from randomchat.infra.http_errors import error_response
from randomchat.infra.object_store import ObjectKey, ObjectStore, OpenObject, StoredObject
from randomchat.uploader.byte_ranges import Unsatisfiable, is_known, requested_range
from randomchat.uploader.links import DownloadTerms
from randomchat.uploader.offer import cache_control, content_disposition, content_type

POLICY = "sandbox; default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'"
"""Should a file ever be opened as a page, it is one without scripts and of no origin."""


class ObjectResponse(Response):
    """An object, or a part of it; what the request's headers say is looked at when it is sent."""

    def __init__(self, objects: ObjectStore, key: ObjectKey, terms: DownloadTerms) -> None:
        super().__init__()
        self._objects = objects
        self._key = key
        self._terms = terms

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._objects.open(self._key) as opened:
            await self._answer(Request(scope), opened)(scope, receive, send)

    def _answer(self, request: Request, opened: OpenObject) -> Response:
        headers = _headers(opened.info, self._terms)
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


def _headers(info: StoredObject, terms: DownloadTerms) -> dict[str, str]:
    return {
        "Content-Type": content_type(info.key),
        "Content-Disposition": content_disposition(info.key, terms),
        "Content-Security-Policy": POLICY,
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        "Accept-Ranges": "bytes",
        "ETag": f'"{info.etag}"',
        "Cache-Control": cache_control(info),
    }
